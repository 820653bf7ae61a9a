using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Tests;

public class DataTests
{
    private static byte[] Bytes(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [Theory, OnEachStore]
    public async Task A_store_makes_the_next_version(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        foreach (int length in new[] { 1, 4096, Limits.InlineContentBytes, 0 })
        {
            FetchStatus before = (await a.StatusAsync(f))!;
            byte[] content = Bytes(length);
            StoreDataReply reply = (await a.StoreAsync(f, content, before.DataVersion.Value)).Value;
            Assert.False(reply.ReplacedUnseen);
            Assert.Equal((before.DataVersion.Next, before.StatusVersion.Next), (reply.Status.DataVersion, reply.Status.StatusVersion));
            Assert.Equal((length, Crc32C.Of(content)), (reply.Status.LengthBytes, reply.Status.ContentCrc32C));
            FetchDataReply fetched = (await a.FetchAsync(f)).Value;
            Assert.Equal(reply.Status, fetched.Status);
            Assert.Equal(content, fetched.Content);
            Assert.True((await a.FetchAsync(f, reply.Status.DataVersion.Value)).Value.IsUnchanged);
        }
    }

    [Theory, OnEachStore]
    public async Task A_large_content_is_uploaded_and_downloaded_whole_or_in_pieces(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = Bytes(1_000_003);
        UploadReply upload = (await a.UploadAsync(new UploadId(5), f.Volume, content)).Value;
        Assert.Equal((content.LongLength, Crc32C.Of(content)), (upload.LengthBytes, upload.Crc32C));
        StoreDataReply reply = (await a.StoreUploadAsync(f, new UploadId(5), content, 1)).Value;
        Assert.Equal(content.Length, reply.Status.LengthBytes);
        Assert.Null((await a.FetchAsync(f)).Value.Content);
        Assert.Equal(content, (await a.DownloadAsync(f, 2)).Value);
        Assert.Equal(content[999_000..], (await a.DownloadAsync(f, 2, 999_000)).Value);
        Assert.Equal(content[10..30], (await a.DownloadAsync(f, 2, 10, 20)).Value);
        Assert.Equal(AbortCodes.BadArgument, (await a.DownloadAsync(f, 2, content.Length + 1)).Abort);
        Assert.Equal(AbortCodes.VersionGone, (await a.DownloadAsync(f, 1)).Abort);
        Assert.Equal(AbortCodes.NoUpload, (await a.StoreUploadAsync(f, new UploadId(5), content, 2)).Abort);

        await a.StoreAsync(f, [1], 2);
        Assert.Equal(AbortCodes.VersionGone, (await a.DownloadAsync(f, 2)).Abort);
        Assert.Equal([1], (await a.DownloadAsync(f, 3)).Value);
        Assert.Empty(Contents(cell));
    }

    [Fact]
    public async Task A_download_that_runs_goes_on_when_its_version_is_replaced()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = Bytes(200_000);
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        byte[] request = WireCodec.ToBytes(new DownloadRequest { Fid = f, DataVersion = new DataVersion(2), OffsetBytes = 0, LengthBytes = long.MaxValue });
        await using IBulkSource source = (await cell.Server.Bulk.OpenSourceAsync(new BulkRequest(request, a.Next()))).Value;
        byte[] read = new byte[content.Length];
        await source.ReadAsync(0, read.AsMemory(0, 1000), default);
        await a.StoreAsync(f, [1], 2);
        Assert.Empty(Contents(cell));
        await source.ReadAsync(1000, read.AsMemory(1000), default);
        Assert.Equal(content, read);
    }

    [Theory, OnEachStore]
    public async Task The_last_closer_wins_and_the_loser_is_told_apart_and_kept(StoreKind kind)
    {
        var log = new RecordingLogger();
        using var cell = new TestCell(kind, log: log);
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        Assert.False((await a.StoreAsync(f, [1], 1)).Value.ReplacedUnseen);
        StoreDataReply reply = (await b.StoreAsync(f, [2, 2], 1)).Value;
        Assert.True(reply.ReplacedUnseen);
        Assert.Equal(new DataVersion(3), reply.Status.DataVersion);
        Assert.Equal([2, 2], (await a.FetchAsync(f)).Value.Content!);

        Assert.Equal(1, await FigureAsync(a, "stores.unseen"));
        string line = Assert.Single(log.Lines, l => l.Contains("Lost update"));
        Assert.Contains(a.Id.ToString(), line);
        Assert.Contains(b.Id.ToString(), line);
        using (var view = cell.Metadata.OpenView())
        {
            var kept = Assert.Single(view.ReadKeptVersions());
            Assert.Equal((f, new DataVersion(2), a.Id), (kept.Fid, kept.Content.Version, kept.Content.Writer));
            Assert.Equal([1], kept.Content.Inline!);
        }
        cell.Time.Advance(TimeSpan.FromDays(8));
        a.Contact();
        await cell.Server.SweepAsync();
        using (var view = cell.Metadata.OpenView())
            Assert.Empty(view.ReadKeptVersions());
    }

    [Fact]
    public async Task Who_overwrites_again_and_again_fills_no_log()
    {
        var log = new RecordingLogger();
        using var cell = new TestCell(log: log);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        for (int i = 0; i < 200; i++)
            Assert.True((await a.StoreAsync(f, [1], 0)).IsReply);
        Assert.Equal(200, await FigureAsync(a, "stores.unseen"));
        Assert.Single(log.Lines, static line => line.Contains("Lost update"));
        cell.Time.Advance(TimeSpan.FromMinutes(1));
        a.Contact();
        Assert.True((await a.StoreAsync(f, [1], 0)).IsReply);
        string[] told = [.. log.Lines.Where(static line => line.Contains("Lost update"))];
        Assert.Equal(2, told.Length);
        Assert.Contains("199 more lines", told[1]);
    }

    [Fact]
    public async Task A_kept_large_version_keeps_its_content_until_its_time_is_over()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = Bytes(100_000);
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        Assert.True((await a.StoreAsync(f, [9], 1)).Value.ReplacedUnseen);
        Assert.Single(Contents(cell));
        cell.Restart();
        Assert.Equal(0, await cell.Server.SweepOrphansAsync(default));
        cell.Time.Advance(TimeSpan.FromDays(8));
        await cell.Server.SweepAsync();
        Assert.Empty(Contents(cell));
    }

    [Fact]
    public async Task A_content_that_is_not_what_it_says_is_refused()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        StoreDataRequest good = a.StoreRequest(f, [1, 2, 3], 1);
        Assert.Equal(AbortCodes.ChecksumMismatch, (await a.Vice.StoreDataAsync(good with { Crc32C = 1 }, a.Next())).Abort);
        Assert.Equal(AbortCodes.ChecksumMismatch, (await a.Vice.StoreDataAsync(good with { LengthBytes = 4 }, a.Next())).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.Vice.StoreDataAsync(good with { LengthBytes = -1 }, a.Next())).Abort);
        Assert.Equal(AbortCodes.FileTooLarge, (await a.Vice.StoreDataAsync(good with { LengthBytes = Limits.FileBytes + 1 }, a.Next())).Abort);
        Assert.Equal(AbortCodes.IsADirectory, (await a.StoreAsync(root, [1], 1)).Abort);
        Assert.Equal(AbortCodes.NoUpload, (await a.Vice.StoreDataAsync(good with { Content = null, Upload = new UploadId(77) }, a.Next())).Abort);

        byte[] content = Bytes(70_000);
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        Assert.Equal(AbortCodes.ChecksumMismatch, (await a.StoreUploadAsync(f, new UploadId(1), Bytes(70_000, seed: 2), 1)).Abort);
        Assert.True((await a.StoreUploadAsync(f, new UploadId(1), content, 1)).IsReply);
        Assert.Equal(new DataVersion(2), (await a.StatusAsync(f))!.DataVersion);
    }

    [Fact]
    public async Task Zeros_become_holes_and_read_as_zeros()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = new byte[32 * 1024 * 1024];
        Bytes(100).CopyTo(content, 5_000_000);
        await a.UploadAsync(new UploadId(1), f.Volume, content, chunkBytes: 300_000);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        Assert.Equal(content, (await a.DownloadAsync(f, 2)).Value);
        Assert.InRange(await OnDisk.AllocatedBytesAsync(Assert.Single(Contents(cell))), 1, 1_000_000);
    }

    [Theory]
    [InlineData(DiskFailure.NoSpace)]
    [InlineData(DiskFailure.Failed)]
    public async Task A_full_or_failing_disk_refuses_the_upload_and_leaves_nothing(DiskFailure failure)
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        AbortCode expected = failure == DiskFailure.NoSpace ? AbortCodes.NoSpace : AbortCodes.ServerDiskFailed;
        cell.Disk.WriteFailure = failure;
        Assert.Equal(expected, (await a.UploadAsync(new UploadId(1), f.Volume, Bytes(100_000))).Abort);
        (cell.Disk.WriteFailure, cell.Disk.SyncFailure) = (null, failure);
        Assert.Equal(expected, (await a.UploadAsync(new UploadId(1), f.Volume, Bytes(100_000))).Abort);
        cell.Disk.SyncFailure = null;
        Assert.Empty(Directory.GetFiles(Path.Combine(cell.Folder, "uploads")));
        Assert.Empty(Contents(cell));
        Assert.Equal(0, await FigureAsync(a, "uploads"));

        byte[] content = Bytes(100_000);
        Assert.True((await a.UploadAsync(new UploadId(1), f.Volume, content)).IsReply);
        Assert.True((await a.StoreUploadAsync(f, new UploadId(1), content, 1)).IsReply);
    }

    [Fact]
    public async Task A_large_upload_goes_to_the_disk_while_it_comes()
    {
        const int length = 30 << 20;
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = Bytes(length);
        cell.Disk.SyncFailure = DiskFailure.Failed;
        Assert.Equal(AbortCodes.ServerDiskFailed, (await a.UploadAsync(new UploadId(1), f.Volume, content, 400_000)).Abort);
        Assert.InRange(cell.Disk.EarlyBytes, length * 2 / 3, length);
        (cell.Disk.SyncFailure, cell.Disk.WritebackFailure) = (null, DiskFailure.NoSpace);
        Assert.Equal(AbortCodes.NoSpace, (await a.UploadAsync(new UploadId(1), f.Volume, content, 400_000)).Abort);
        Assert.Empty(Directory.GetFiles(Path.Combine(cell.Folder, "uploads")));
        cell.Disk.WritebackFailure = null;
        Assert.True((await a.UploadAsync(new UploadId(1), f.Volume, content, 400_000)).IsReply);
        Assert.True((await a.StoreUploadAsync(f, new UploadId(1), content, 1)).IsReply);
        Assert.Equal(content, (await a.DownloadAsync(f, 2)).Value);
    }

    [Fact]
    public async Task On_a_full_disk_nothing_is_added_and_removing_goes_on()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync();
        CallContext early = a.Next();
        CreateRequest request = a.CreateRequest(root, "f");
        Fid f = (await a.Vice.CreateAsync(request, early)).Value.Status.Fid;
        await a.StoreAsync(f, [1], 1);
        cell.Disk.Space = new DiskSpace(1 << 30, 1000);
        await cell.Server.SweepAsync();
        Assert.Equal(AbortCodes.NoSpace, (await a.UploadAsync(new UploadId(1), f.Volume, Bytes(100_000))).Abort);
        Assert.Equal(AbortCodes.NoSpace, (await a.CreateAsync(root, "g")).Abort);
        Assert.Equal(AbortCodes.NoSpace, (await a.StoreAsync(f, [2], 2)).Abort);
        Assert.Equal(f, (await a.Vice.CreateAsync(request, early)).Value.Status.Fid);
        Assert.True((await a.StoreAsync(f, [], 2)).IsReply);
        Assert.True((await a.RemoveAsync(root, "f")).IsReply);
        cell.Disk.Space = null;
        await cell.Server.SweepAsync();
        Assert.True((await a.CreateAsync(root, "g")).IsReply);
    }

    [Fact]
    public async Task A_commit_without_room_changes_nothing_and_the_upload_stays()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = Bytes(100_000);
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        FetchStatus before = (await a.StatusAsync(f))!;
        cell.Memory.BeforeCommit = () => throw new Volumes.Metadata.StorageException(Volumes.Metadata.StorageFailure.NoSpace, "planned");
        Assert.Equal(AbortCodes.NoSpace, (await a.StoreUploadAsync(f, new UploadId(1), content, 1)).Abort);
        cell.Memory.BeforeCommit = null;
        Assert.Equal(before, await a.StatusAsync(f));
        Assert.True((await a.StoreUploadAsync(f, new UploadId(1), content, 1)).IsReply);
    }

    [Fact]
    public async Task Uploads_are_bounded_and_forgotten_when_no_store_comes()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        VolumeId volume = (await a.RootAsync()).Volume;
        for (ulong i = 0; i < Volumes.Content.UploadTable.MostPerClient; i++)
            Assert.True((await a.UploadAsync(new UploadId(i), volume, [1])).IsReply);
        Assert.Equal(AbortCodes.Busy, (await a.UploadAsync(new UploadId(1000), volume, [1])).Abort);
        cell.Time.Advance(TimeSpan.FromMinutes(11));
        a.Contact();
        await cell.Server.SweepAsync();
        Assert.Empty(Contents(cell));
        Assert.True((await a.UploadAsync(new UploadId(1000), volume, [1])).IsReply);
        Assert.True((await a.UploadAsync(new UploadId(1000), volume, [2])).IsReply);
        Assert.Single(Contents(cell));
    }

    [Fact]
    public async Task What_a_crash_left_is_deleted_and_what_is_referred_to_stays()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = Bytes(100_000);
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        await a.UploadAsync(new UploadId(2), f.Volume, content);
        File.WriteAllBytes(Path.Combine(cell.Folder, "uploads", "0000000100000099"), [1]);
        cell.Restart();
        Assert.Empty(Directory.GetFiles(Path.Combine(cell.Folder, "uploads")));
        Assert.Equal(2, Contents(cell).Length);
        Assert.Equal(1, await cell.Server.SweepOrphansAsync(default));
        a.Attach();
        Assert.Equal(content, (await a.DownloadAsync(f, 2)).Value);
    }

    [Theory, OnEachStore]
    public async Task A_content_that_lost_its_end_is_refused_before_its_first_byte(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = Bytes(300_000);
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        using (FileStream stored = File.OpenWrite(Assert.Single(Contents(cell))))
            stored.SetLength(299_999);

        Assert.Equal(AbortCodes.ServerDiskFailed, (await a.DownloadAsync(f, 2)).Abort);
    }

    private static string[] Contents(TestCell cell) =>
        Directory.GetFiles(Path.Combine(cell.Folder, "content"), "*", SearchOption.AllDirectories);

    private static async Task<long> FigureAsync(TestClient client, string name)
    {
        GetServerStatusReply reply = (await client.Vice.GetServerStatusAsync(new GetServerStatusRequest(), client.Next())).Value;
        return Assert.Single(reply.Figures, figure => figure.Name == name).Value;
    }

    [Fact]
    public void Numbers_of_contents_go_on_past_32_bits_and_end_instead_of_beginning_again()
    {
        HashSet<ObjectId> ids = [];
        foreach (ulong first in new[] { 1UL, uint.MaxValue, ObjectId.MostNumber - 1 })
        {
            var some = new ObjectIds(new Epoch(7), first);
            for (int i = 0; i < 2; i++)
                Assert.True(ids.Add(some.Next()));
        }
        var last = new ObjectIds(new Epoch(7), ObjectId.MostNumber);
        Assert.Contains(last.Next(), ids);
        Assert.Equal(DiskFailure.Failed, Assert.Throws<DiskException>(() => last.Next()).Failure);
        Assert.All(ids, static id => Assert.Equal(7ul, id.Epoch.Value));
    }
}
