using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Salvage;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using static Afs.Vice.Tests.Harness.LargeContents;

namespace Afs.Vice.Tests;

/// <summary>Small changes of large contents: the parts are in the StoreData, the patch is in the metadata as long as it is small.</summary>
public class InlinePartsTests
{
    private const int Page = 4096;

    [Theory, OnEachStore]
    public async Task Changes_follow_each_other_from_rows_to_files_and_over_restarts(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 300 * Block + 5);
        var random = new Random(2);
        bool hadRow = false, hadFile = false;
        for (ulong version = 2; version < 80; version++)
        {
            int[] blocks = [.. Enumerable.Range(0, 4).Select(_ => random.Next(300)).Distinct().Order()];
            foreach (int block in blocks)
                random.NextBytes(content.AsSpan(block * Block + random.Next(Block - 20), 20));
            await StoreAsync(a, f, version, content, [.. Extents.Cover(blocks.Select(b => ((long)b * Block, (b + 1L) * Block)), content.Length)]);
            (hadRow, hadFile) = (hadRow || RecordOf(cell, f).Data is not null, hadFile || RecordOf(cell, f) is { Data: null, Base.Value: > 0 });
            if (version % 20 == 0)
            {
                cell.Restart();
                a.Attach();
            }
        }
        Assert.True(hadRow && hadFile);
        Assert.Equal(content, (await a.DownloadAsync(f, 80)).Value);
        Assert.Equal(content[(7 * Block - 3)..(9 * Block)], (await a.DownloadAsync(f, 80, 7 * Block - 3, 2 * Block + 3)).Value);
        Assert.InRange(Contents(cell).Length, 1, 2);
        AssertSound(cell);
    }

    [Fact]
    public async Task A_changed_byte_writes_one_page_and_syncs_no_file()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        cell.Disk.SyncFailure = DiskFailure.Failed;
        content[17 * Block + 3]++;
        await StoreAsync(a, f, 2, content, [At(17)]);
        content[18 * Block - 1]++;
        await StoreAsync(a, f, 3, content, [At(17)]);
        Assert.Single(Contents(cell));
        Assert.InRange(RecordOf(cell, f).Data!.Length, 2 * Page, 2 * Page + 100);
        Assert.Equal(content, (await a.DownloadAsync(f, 4)).Value);
        cell.Restart();
        a.Attach();
        Assert.Equal(0, await cell.Server.SweepOrphansAsync(default));
        Assert.Equal(content, (await a.DownloadAsync(f, 4)).Value);
        AssertSound(cell);
    }

    [Fact]
    public async Task A_page_that_is_again_as_in_the_base_leaves_the_patch()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        content[Block]++;
        content[150 * Block]++;
        await StoreAsync(a, f, 2, content, [At(1), At(150)]);
        int before = RecordOf(cell, f).Data!.Length;
        content[Block]--;
        await StoreAsync(a, f, 3, content, [At(1)]);
        Assert.Equal(before - Page - sizeof(int), RecordOf(cell, f).Data!.Length);
        Assert.Equal(content, (await a.DownloadAsync(f, 4)).Value);
        await StoreAsync(a, f, 4, content, []);
        Assert.Equal(content, (await a.DownloadAsync(f, 5)).Value);
        AssertSound(cell);
    }

    [Theory]
    [InlineData(200 * Block, 230 * Block + 9)]
    [InlineData(200 * Block + 9, 200 * Block + 10)]
    [InlineData(5 * Block + 9, 900 * Block)]
    public async Task A_content_that_grew_has_zeros_between(int before, int after)
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        await GrowAsync(a, before, after, StoreAsync);
        AssertSound(cell);
    }

    [Fact]
    public async Task Half_of_a_content_and_zeros_with_a_little_data_become_whole_contents()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 6 * Block);
        new Random(9).NextBytes(content.AsSpan(2 * Block));
        await StoreAsync(a, f, 2, content, [At(2, 4 * Block)]);
        Assert.Equal(ObjectId.None, RecordOf(cell, f).Base);
        Assert.Equal(content, (await a.DownloadAsync(f, 3)).Value);

        byte[] sparse = new byte[500 * Block];
        sparse[499 * Block] = 1;
        StoreDataRequest request = a.PartsRequest(f, 3, sparse, [At(499)]);
        request = request with { Parts = request.Parts! with { Base = DataVersion.None } };
        Assert.True((await a.Vice.StoreDataAsync(request, a.Next())).IsReply);
        Assert.Equal(sparse, (await a.DownloadAsync(f, 4)).Value);
        Assert.Single(Contents(cell));
        AssertSound(cell);
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        byte[] mine = [.. content], theirs = [.. content];
        (mine[0], theirs[150 * Block]) = ((byte)(mine[0] + 1), (byte)(theirs[150 * Block] + 1));
        StoreDataRequest good = a.PartsRequest(f, 2, mine, [At(0)]);
        Assert.Equal(AbortCodes.ChecksumMismatch, (await a.Vice.StoreDataAsync(good with { Crc32C = good.Crc32C + 1 }, a.Next())).Abort);
        StoreDataRequest[] bad =
        [
            good with { Content = null },
            good with { Content = mine[..(Block - 1)] },
            good with { LengthBytes = mine.Length + 1 },
            good with { Base = new DataVersion(1) },
            good with { Parts = good.Parts! with { Extents = [At(3, 5)] }, Content = mine[..5] },
            good with { Parts = good.Parts! with { Extents = [At(199, 2 * Block)] }, Content = mine[..(2 * Block)] },
            a.PartsRequest(f, 2, mine, [At(0, Limits.InlinePartsBytes + Block)]),
        ];
        foreach (StoreDataRequest request in bad)
            Assert.Equal(AbortCodes.BadArgument, (await a.Vice.StoreDataAsync(request, a.Next())).Abort);
        Assert.Equal(AbortCodes.VersionGone, (await a.Vice.StoreDataAsync(a.PartsRequest(f, 3, mine, [At(0)]), a.Next())).Abort);
        Assert.Equal(AbortCodes.VersionGone, (await a.Vice.StoreDataAsync(a.PartsRequest(f, 2, mine[..(100 * Block)], [At(0)]), a.Next())).Abort);

        await StoreAsync(b, f, 2, theirs, [At(150)]);
        Assert.Equal(AbortCodes.VersionGone, (await a.Vice.StoreDataAsync(good, a.Next())).Abort);
        Assert.Equal(theirs, (await a.DownloadAsync(f, 3)).Value);
    }

    [Fact]
    public async Task Of_two_stores_over_one_version_that_are_committed_together_the_second_is_refused()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        byte[] mine = [.. content], theirs = [.. content];
        (mine[0], theirs[150 * Block]) = ((byte)(mine[0] + 1), (byte)(theirs[150 * Block] + 1));
        Fid root = await b.RootAsync(); // The first call of a client waits for a commit of its own.
        using var gate = new ManualResetEventSlim();
        cell.Memory.BeforeCommit = gate.Wait;
        Task<Fid> before = a.MakeAsync(root, "g");
        Task<Outcome<StoreDataReply>> first = a.Vice.StoreDataAsync(a.PartsRequest(f, 2, mine, [At(0)]), a.Next()).AsTask();
        Task<Outcome<StoreDataReply>> second = b.Vice.StoreDataAsync(b.PartsRequest(f, 2, theirs, [At(150)]), b.Next()).AsTask();
        gate.Set();
        await before;
        Assert.True((await first).IsReply);
        Assert.Equal(AbortCodes.VersionGone, (await second).Abort);
        Assert.Equal(mine, (await a.DownloadAsync(f, 3)).Value);
        AssertSound(cell);
    }

    [Theory, OnEachStore]
    public async Task A_repeated_call_gets_its_first_reply_and_changes_nothing(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        content[0]++;
        StoreDataRequest request = a.PartsRequest(f, 2, content, [At(0)]);
        CallContext call = a.Next();
        StoreDataReply first = (await a.Vice.StoreDataAsync(request, call)).Value;
        content[9 * Block]++;
        await StoreAsync(a, f, 3, content, [At(9)]);
        Assert.Equal(first, (await a.Vice.StoreDataAsync(request, call)).Value);
        cell.Restart();
        a.Attach();
        Assert.Equal(first, (await a.Vice.StoreDataAsync(request, call)).Value);
        Assert.Equal(content, (await a.DownloadAsync(f, 4)).Value);
    }

    [Theory, OnEachStore]
    public async Task A_version_that_lost_keeps_its_row_and_its_base(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        byte[] lost = [.. content];
        lost[5]++;
        await StoreAsync(a, f, 2, lost, [At(0)]);
        await b.UploadAsync(new UploadId(70), f.Volume, content);
        Assert.True((await b.StoreUploadAsync(f, new UploadId(70), content, 2)).Value.ReplacedUnseen);
        Assert.Equal(2, Contents(cell).Length);
        var reader = new KeptVersionReader(cell.Metadata.OpenView, StoreOf(cell));
        var copy = new MemoryStream();
        await reader.CopyAsync(reader.List().Single().Version, copy);
        Assert.Equal(lost, copy.ToArray());
        cell.Restart();
        Assert.Equal(0, await cell.Server.SweepOrphansAsync(default));
        AssertSound(cell);
    }

    [Fact]
    public async Task A_file_of_a_patch_that_the_disk_refuses_changes_nothing()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        byte[] changed = [.. content];
        new Random(3).NextBytes(changed.AsSpan(0, 3 * Block));
        cell.Disk.WriteFailure = DiskFailure.NoSpace;
        Assert.Equal(AbortCodes.NoSpace, (await a.Vice.StoreDataAsync(a.PartsRequest(f, 2, changed, [At(0, 3 * Block)]), a.Next())).Abort);
        (cell.Disk.WriteFailure, cell.Disk.SyncFailure) = (null, DiskFailure.Failed);
        Assert.Equal(AbortCodes.ServerDiskFailed, (await a.Vice.StoreDataAsync(a.PartsRequest(f, 2, changed, [At(0, 3 * Block)]), a.Next())).Abort);
        cell.Disk.SyncFailure = null;
        Assert.Equal(content, (await a.DownloadAsync(f, 2)).Value);
        Assert.Empty(Directory.GetFiles(Path.Combine(cell.Folder, "uploads")));
        cell.Server.CheckInvariants();
        await StoreAsync(a, f, 2, changed, [At(0, 3 * Block)]);
        Assert.Equal(2, Contents(cell).Length);
        AssertSound(cell);
    }

    [Theory, OnEachStore]
    public async Task A_damaged_row_is_found_by_salvage_and_by_scrub(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        content[0]++;
        await StoreAsync(a, f, 2, content, [At(0)]);
        ContentRecord good = RecordOf(cell, f);
        Put(17);
        Assert.Contains(Check(cell), problem => problem.Kind == ProblemKind.ContentMissing);
        Put(good.Data!.Length - 1);
        Assert.Equal(ProblemKind.ContentChecksum, Assert.Single(Scrub(cell)).Kind);

        void Put(int damaged)
        {
            byte[] bad = [.. good.Data!];
            bad[damaged]++;
            using IMetadataTransaction transaction = cell.Metadata.BeginTransaction();
            transaction.PutContent(f.Volume, f.Vnode, good with { Data = bad });
            transaction.Commit();
        }
    }

    private static async Task StoreAsync(TestClient client, Fid f, ulong @base, byte[] content, IReadOnlyList<Extent> extents)
    {
        StoreDataReply reply = (await client.Vice.StoreDataAsync(client.PartsRequest(f, @base, content, extents), client.Next())).Value;
        Assert.Equal((new DataVersion(@base + 1), false), (reply.Status.DataVersion, reply.ReplacedUnseen));
        Assert.Equal((content.LongLength, Crc32C.Of(content)), (reply.Status.LengthBytes, reply.Status.ContentCrc32C));
    }

    private static ContentRecord RecordOf(TestCell cell, Fid f)
    {
        using IMetadataView view = cell.Metadata.OpenView();
        return view.FindContent(f.Volume, f.Vnode)!;
    }
}
