using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>A disk that runs full: who grows is refused at once, what can be spared goes, and the rest works on.</summary>
public class RoomTests
{
    private static readonly DiskSpace Full = new(1L << 40, 1 << 20);

    [Theory, InlineData(false), InlineData(true)]
    public async Task An_upload_is_refused_as_it_grows_and_holds_nothing_from_then_on(bool inParts)
    {
        const int Block = Limits.BlockBytes;
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        byte[] content = LargeContents.Bytes(8 * Block);
        ContentParts? parts = inParts
            ? new ContentParts { LengthBytes = content.Length, Base = DataVersion.None, Extents = [LargeContents.At(0, content.Length)] }
            : null;
        byte[] request = WireCodec.ToBytes(new UploadRequest { Upload = new UploadId(1), Volume = f.Volume, Fid = f, Parts = parts });
        await using IBulkSink sink = (await cell.Server.Bulk.OpenSinkAsync(new BulkRequest(request, a.Next()), content.Length)).Value;
        await sink.WriteAsync(0, content.AsMemory(0, Block), default);
        Assert.Single(Uploads(cell));
        cell.Disk.Space = Full;
        await sink.WriteAsync(Block, content.AsMemory(Block, Block), default);

        // Its client may trickle on for hours: nothing is held for it.
        Assert.Empty(Uploads(cell));
        Assert.Equal(0, await FigureAsync(a, "uploads"));
        Assert.True((await a.RemoveAsync(root, "f")).IsReply);
        cell.Disk.Space = null;
        await sink.WriteAsync(2 * Block, content.AsMemory(2 * Block, Block), default);
        Assert.Equal(AbortCodes.NoSpace, (await sink.CompleteAsync(default)).Abort);
        Assert.Empty(Uploads(cell));
    }

    [Fact]
    public async Task The_room_of_an_upload_that_could_not_be_opened_is_given_back_whatever_failed()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        var huge = new ContentParts { LengthBytes = Limits.FileBytes, Base = DataVersion.None, Extents = [LargeContents.At(0)] };
        for (ulong i = 0; i < 3 * UploadTable.MostPerClient; i++)
        {
            byte[] request = WireCodec.ToBytes(new UploadRequest { Upload = new UploadId(i), Volume = f.Volume, Fid = f, Parts = huge });
            Outcome<IBulkSink> opened = await cell.Server.Bulk.OpenSinkAsync(new BulkRequest(request, a.Next()), huge.TransferBytes);
            Assert.NotEqual(AbortCodes.Busy, opened.Abort);
            if (opened.IsReply)
                await opened.Value.DisposeAsync();
        }
        Assert.Empty(Uploads(cell));
        Assert.Equal(0, await FigureAsync(a, "uploads"));
    }

    [Theory, OnEachStore]
    public async Task Kept_versions_and_uploads_that_wait_yield_to_a_full_disk_the_oldest_first(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        for (ulong i = 1; i <= 3; i++)
        {
            await a.UploadAsync(new UploadId(i), f.Volume, LargeContents.Bytes(100_000, (int)i));
            Assert.True((await a.StoreUploadAsync(f, new UploadId(i), LargeContents.Bytes(100_000, (int)i), 1)).IsReply);
            cell.Time.Advance(TimeSpan.FromSeconds(1));
            a.Contact();
        }
        byte[] waiting = LargeContents.Bytes(100_000, 9);
        await a.UploadAsync(new UploadId(9), f.Volume, waiting);
        Assert.Equal([2ul, 3ul], Kept(cell));
        Assert.Equal(4, LargeContents.Contents(cell).Length);

        await cell.Server.SweepAsync();
        Assert.Equal(2, Kept(cell).Length);
        cell.Disk.Space = Full with { TotalBytes = 1 << 21, FreeBytes = 1 << 15 };
        await cell.Server.SweepAsync();
        Assert.Equal([3ul], Kept(cell));
        Assert.Equal(3, LargeContents.Contents(cell).Length);
        cell.Time.Advance(UploadTable.PatienceWithoutRoom);
        await cell.Server.SweepAsync();
        Assert.Empty(Kept(cell));
        Assert.Single(LargeContents.Contents(cell));
        cell.Disk.Space = null;
        await cell.Server.SweepAsync();
        Assert.Equal(AbortCodes.NoUpload, (await a.StoreUploadAsync(f, new UploadId(9), waiting, 4)).Abort);
        Assert.Equal(LargeContents.Bytes(100_000, 3), (await a.DownloadAsync(f, 4)).Value);
        Assert.Empty(LargeContents.Check(cell));
    }

    /// <summary>Who stages as much as fits, and again as soon as some of it goes, leaves room for others all the same.</summary>
    [Fact]
    public async Task Uploads_that_wait_yield_to_who_has_less_where_they_fill_the_disk()
    {
        const int Total = 1 << 21, Bytes = 100_000;
        using var cell = new TestCell();
        cell.Disk.Measure = () => new DiskSpace(Total, Total - Contents(cell).Sum(static file => file.Length));
        (TestClient hog, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await b.MakeAsync(await b.RootAsync(), "f");
        ulong staged = 0;
        while ((await hog.UploadAsync(new UploadId(++staged), f.Volume, LargeContents.Bytes(Bytes))).IsReply)
            Assert.InRange(staged, 1ul, 21ul);
        Assert.Equal(AbortCodes.NoSpace, (await hog.UploadAsync(new UploadId(staged), f.Volume, LargeContents.Bytes(Bytes))).Abort);

        byte[] content = LargeContents.Bytes(3 * Bytes, 7);
        for (ulong i = 1; i <= 3; i++)
        {
            Assert.True((await b.UploadAsync(new UploadId(i), f.Volume, content)).IsReply);
            Assert.True((await b.StoreUploadAsync(f, new UploadId(i), content, i)).IsReply);
            await hog.UploadAsync(new UploadId(++staged), f.Volume, LargeContents.Bytes(Bytes));
        }
        Assert.Equal(content, (await b.DownloadAsync(f, 4)).Value);
        // The oldest went, and what could stay did.
        Assert.Equal(AbortCodes.NoUpload, (await hog.StoreUploadAsync(f, new UploadId(1), LargeContents.Bytes(Bytes), 4)).Abort);
        Assert.InRange(await FigureAsync(hog, "uploads"), 1, 20);
        cell.Server.CheckInvariants();
    }

    private static IEnumerable<FileInfo> Contents(TestCell cell) =>
        new DirectoryInfo(cell.Folder).EnumerateFiles("*", SearchOption.AllDirectories).Where(static file => file.FullName.Contains("/content/") || file.FullName.Contains("/uploads/"));

    [Fact]
    public async Task What_an_administrator_wishes_is_dropped_by_the_server_that_runs()
    {
        var log = new RecordingLogger();
        using var cell = new TestCell(log: log);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        for (int i = 0; i < 4; i++)
            await a.StoreAsync(f, [(byte)i], 1);
        Assert.Equal([2ul, 3ul, 4ul], Kept(cell));
        await a.UploadAsync(new UploadId(1), f.Volume, LargeContents.Bytes(100_000));

        await WishAsync(cell, $"version-{f}@3");
        Assert.Equal([2ul, 4ul], Kept(cell));
        await WishAsync(cell, "version-1.1.1@1");
        await WishAsync(cell, "what else");
        Assert.Equal([2ul, 4ul], Kept(cell));
        Assert.Single(LargeContents.Contents(cell));
        await WishAsync(cell, "uploads");
        Assert.Empty(LargeContents.Contents(cell));
        await WishAsync(cell, "versions");
        Assert.Empty(Kept(cell));
        Assert.Contains(log.Lines, static line => line.Contains("what else"));
    }

    [Fact]
    public async Task A_chore_that_fails_keeps_no_other_from_being_done()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await a.StoreAsync(f, [1], 1);
        await a.StoreAsync(f, [2], 1);
        cell.Hooks.OnCall = static (_, method, _) =>
        {
            if (method == nameof(IMetadataTransaction.DeleteSession))
                throw new StorageException(StorageFailure.Corrupt, "planned");
        };
        cell.Time.Advance(TimeSpan.FromDays(8));
        a.Contact();
        TestClient b = await cell.ConnectAsync();
        Directory.CreateDirectory(Path.Combine(cell.Folder, "wishes", "no file"));
        await Assert.ThrowsAsync<DiskException>(() => cell.Server.SweepAsync());
        Assert.Empty(Kept(cell));
    }

    private static async Task WishAsync(TestCell cell, string wish)
    {
        string file = Path.Combine(cell.Folder, "wishes", wish);
        File.Create(file).Dispose();
        await cell.Server.SweepAsync();
        Assert.False(File.Exists(file));
    }

    private static ulong[] Kept(TestCell cell)
    {
        using IMetadataView view = cell.Metadata.OpenView();
        return [.. view.ReadKeptVersions().Select(static kept => kept.Content.Version.Value).Order()];
    }

    private static string[] Uploads(TestCell cell) => Directory.GetFiles(Path.Combine(cell.Folder, "uploads"));

    private static async Task<long> FigureAsync(TestClient client, string name) =>
        (await client.Vice.GetServerStatusAsync(new GetServerStatusRequest(), client.Next())).Value.Figures.Single(figure => figure.Name == name).Value;
}
