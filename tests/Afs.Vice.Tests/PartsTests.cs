using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Salvage;
using Afs.Vice.Tests.Harness;
using Afs.Wire;
using static Afs.Vice.Tests.Harness.LargeContents;

namespace Afs.Vice.Tests;

/// <summary>Contents that come in parts: over an older version, or over zeros.</summary>
public class PartsTests
{
    private static ulong _lastUpload = 100;

    [Theory, OnEachStore]
    public async Task Changed_blocks_make_the_next_version_again_and_again_and_over_restarts(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 300 * Block + 5);
        var random = new Random(2);
        for (ulong version = 2; version < 60; version++)
        {
            int[] blocks = [.. Enumerable.Range(0, 5).Select(_ => random.Next(300)).Distinct().Order()];
            foreach (int block in blocks)
                random.NextBytes(content.AsSpan(block * Block, Block));
            FetchStatus status = await StorePartsAsync(a, f, version, content, [.. Extents.Cover(blocks.Select(b => ((long)b * Block, (b + 1L) * Block)), content.Length)]);
            Assert.Equal((content.LongLength, Crc32C.Of(content)), (status.LengthBytes, status.ContentCrc32C));
            if (version % 20 == 0)
            {
                cell.Restart();
                a.Attach();
            }
        }
        Assert.Equal(content, (await a.DownloadAsync(f, 60)).Value);
        Assert.Equal(content[(7 * Block - 3)..(9 * Block)], (await a.DownloadAsync(f, 60, 7 * Block - 3, 2 * Block + 3)).Value);
        Assert.InRange(Contents(cell).Length, 1, 2);
        Assert.Empty(Check(cell));
    }

    [Fact]
    public async Task A_small_change_of_a_large_content_writes_little_to_the_disk()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        content[17 * Block + 3]++;
        await StorePartsAsync(a, f, 2, content, [At(17)]);
        string[] files = Contents(cell);
        Assert.Equal(2, files.Length);
        Assert.InRange(files.Min(path => new FileInfo(path).Length), Block, 2 * Block);
    }

    [Fact]
    public async Task An_upload_that_cannot_begin_uses_up_nothing_of_what_its_client_may_have()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        foreach (ulong @base in (ulong[])[0, 2])
        {
            for (ulong i = 0; i < 10; i++)
            {
                // As long as a file may be, which few disks hold.
                Extent last = new() { OffsetBytes = Limits.FileBytes - Block, LengthBytes = Block };
                var parts = new ContentParts { LengthBytes = Limits.FileBytes, Base = new DataVersion(@base), Extents = [last] };
                byte[] request = WireCodec.ToBytes(new UploadRequest { Upload = new UploadId(10 * @base + i), Volume = f.Volume, Fid = f, Parts = parts });
                await BeginAndLeaveAsync(cell, new BulkRequest(request, a.Next()), Block);
            }
        }
        content[17 * Block + 3]++;
        await StorePartsAsync(a, f, 2, content, [At(17)]);
    }

    /// <summary>Whatever comes of it, also an exception that only the connection sees.</summary>
    private static async Task BeginAndLeaveAsync(TestCell cell, BulkRequest request, long lengthBytes)
    {
        try
        {
            Outcome<IBulkSink> opened = await cell.Server.Bulk.OpenSinkAsync(request, lengthBytes);
            if (opened.IsReply)
                await opened.Value.DisposeAsync();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Its connection ends.
        }
    }

    [Theory]
    [InlineData(200 * Block, 230 * Block + 9)]
    [InlineData(200 * Block + 9, 200 * Block + 10)]
    [InlineData(5 * Block + 9, 900 * Block)]
    public async Task A_content_that_grew_has_zeros_between(int before, int after)
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        await GrowAsync(a, before, after, StorePartsAsync);
        Assert.Empty(Check(cell));
    }

    [Fact]
    public async Task More_than_a_patch_holds_becomes_a_whole_content()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 400 * Block);
        content[5 * Block]++;
        await StorePartsAsync(a, f, 2, content, [At(5)]);
        new Random(9).NextBytes(content.AsSpan(100 * Block, 150 * Block));
        await StorePartsAsync(a, f, 3, content, [At(100, 150 * Block)]);
        Assert.Single(Contents(cell));
        Assert.Equal(content, (await a.DownloadAsync(f, 4)).Value);
    }

    [Fact]
    public async Task A_base_that_is_not_the_current_version_is_refused_at_the_upload_and_at_the_store()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync(), b = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        byte[] mine = [.. content], theirs = [.. content];
        (mine[0], theirs[150 * Block]) = ((byte)(mine[0] + 1), (byte)(theirs[150 * Block] + 1));
        Assert.Equal(AbortCodes.VersionGone, (await a.UploadPartsAsync(new UploadId(1), f, 1, mine, [At(0)])).Abort);
        Assert.Equal(AbortCodes.VersionGone, (await a.UploadPartsAsync(new UploadId(1), f, 3, mine, [At(0)])).Abort);

        Assert.True((await a.UploadPartsAsync(new UploadId(1), f, 2, mine, [At(0)])).IsReply);
        await StorePartsAsync(b, f, 2, theirs, [At(150)]);
        Assert.Equal(AbortCodes.VersionGone, (await a.StoreUploadAsync(f, new UploadId(1), mine, 2)).Abort);
        Assert.Equal(theirs, (await a.DownloadAsync(f, 3)).Value);

        // The whole content goes on top, as last closer wins has it, and what it replaced is kept, patch and all.
        await a.UploadAsync(new UploadId(2), f.Volume, mine);
        Assert.True((await a.StoreUploadAsync(f, new UploadId(2), mine, 2)).Value.ReplacedUnseen);
        Assert.Equal(mine, (await b.DownloadAsync(f, 4)).Value);
        Assert.Equal(4, Contents(cell).Length);
        cell.Restart();
        Assert.Equal(1, await cell.Server.SweepOrphansAsync(default)); // The upload that was refused.
        Assert.Empty(Check(cell));
    }

    [Fact]
    public async Task Parts_that_cannot_be_are_refused()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        byte[] shorter = content[..(100 * Block)];
        Assert.Equal(AbortCodes.VersionGone, (await a.UploadPartsAsync(new UploadId(1), f, 2, shorter, [At(0)])).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.UploadPartsAsync(new UploadId(1), f, 2, content, [At(3), At(2)])).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.UploadPartsAsync(new UploadId(1), f, 2, content, [At(3, 5)])).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.UploadPartsAsync(new UploadId(1), f, 2, content, [At(3)], announcedBytes: Block + 1)).Abort);
        Assert.Equal(AbortCodes.BadArgument, (await a.DownloadAsync(f, 2, [At(199, 2 * Block)])).Abort);

        // What came isn't what the store says.
        byte[] changed = [.. content];
        changed[0]++;
        Assert.True((await a.UploadPartsAsync(new UploadId(2), f, 2, changed, [At(0)])).IsReply);
        Assert.Equal(AbortCodes.ChecksumMismatch, (await a.StoreUploadAsync(f, new UploadId(2), content, 2)).Abort);
        Assert.Equal(content, (await a.DownloadAsync(f, 2)).Value);
    }

    [Fact]
    public async Task An_upload_that_ends_in_the_middle_leaves_nothing()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        var parts = new ContentParts { LengthBytes = content.Length, Base = new DataVersion(2), Extents = [At(3), At(9)] };
        byte[] request = WireCodec.ToBytes(new UploadRequest { Upload = new UploadId(1), Volume = f.Volume, Fid = f, Parts = parts });
        await using (IBulkSink sink = (await cell.Server.Bulk.OpenSinkAsync(new BulkRequest(request, a.Next()), 2 * Block)).Value)
        {
            await sink.WriteAsync(0, content.AsMemory(0, Block + 1), default);
            Assert.Equal(AbortCodes.BadArgument, (await sink.CompleteAsync(default)).Abort);
        }
        Assert.Single(Contents(cell));
        Assert.Empty(Directory.GetFiles(Path.Combine(cell.Folder, "uploads")));
    }

    [Theory, OnEachStore]
    public async Task A_removed_file_takes_patch_and_base_with_it(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        content[0]++;
        await StorePartsAsync(a, f, 2, content, [At(0)]);
        Assert.Equal(2, Contents(cell).Length);
        Assert.True((await a.RemoveAsync(await a.RootAsync(), "f")).IsReply);
        Assert.Empty(Contents(cell));
    }

    [Fact]
    public async Task A_sparse_content_is_stored_and_fetched_by_its_data_alone()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        const long Length = (5L << 30) + 3;
        byte[] block = Bytes(Block);
        Extent extent = new() { OffsetBytes = 65_537L * Block, LengthBytes = Block };
        var crc = new Crc32C();
        crc.AddZeros(extent.OffsetBytes);
        crc.Add(block);
        crc.AddZeros(Length - extent.EndBytes);
        var parts = new ContentParts { LengthBytes = Length, Base = DataVersion.None, Extents = [extent] };
        byte[] request = WireCodec.ToBytes(new UploadRequest { Upload = new UploadId(1), Volume = f.Volume, Parts = parts });
        await using (IBulkSink sink = (await cell.Server.Bulk.OpenSinkAsync(new BulkRequest(request, a.Next()), Block)).Value)
        {
            await sink.WriteAsync(0, block, default);
            UploadReply reply = WireCodec.FromBytes<UploadReply>((await sink.CompleteAsync(default)).Value);
            Assert.Equal((Length, crc.Value), (reply.LengthBytes, reply.Crc32C));
        }
        StoreDataRequest store = a.StoreRequest(f, [], 1) with { Content = null, Upload = new UploadId(1), LengthBytes = Length, Crc32C = crc.Value, AllocatedBytes = Block };
        Assert.True((await a.Vice.StoreDataAsync(store, a.Next())).IsReply);
        ContentParts offered = (await a.FetchAsync(f)).Value.Parts!;
        Assert.Equal((Length, DataVersion.None, Block), (offered.LengthBytes, offered.Base, offered.TransferBytes));
        Assert.Equal(block, (await a.DownloadAsync(f, 2, offered.Extents)).Value);
    }

    [Fact]
    public async Task A_fetch_with_an_older_version_is_told_what_changed_since()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        byte[] old = [.. content];
        content[3 * Block]++;
        await StorePartsAsync(a, f, 2, content, [At(3)]);
        content[150 * Block]++;
        await StorePartsAsync(a, f, 3, content, [At(149, 2 * Block)]);
        ContentParts parts = (await a.FetchAsync(f, have: 2)).Value.Parts!;
        Assert.Equal((content.LongLength, new DataVersion(2)), (parts.LengthBytes, parts.Base));
        byte[] sent = (await a.DownloadAsync(f, 4, parts.Extents)).Value;
        int from = 0;
        foreach (Extent extent in parts.Extents)
        {
            sent.AsSpan(from, (int)extent.LengthBytes).CopyTo(old.AsSpan((int)extent.OffsetBytes));
            from += (int)extent.LengthBytes;
        }
        Assert.Equal(content, old);
        Assert.Equal([At(149, 2 * Block)], (await a.FetchAsync(f, have: 3)).Value.Parts!.Extents);
        Assert.Null((await a.FetchAsync(f, have: 1)).Value.Parts);
        Assert.Null((await a.FetchAsync(f)).Value.Parts);

        // A whole store breaks the chain.
        await a.UploadAsync(new UploadId(50), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(50), content, 4);
        Assert.Null((await a.FetchAsync(f, have: 3)).Value.Parts);
    }

    [Fact]
    public async Task A_damaged_patch_and_a_missing_base_are_found_by_salvage()
    {
        using var cell = new TestCell();
        TestClient a = await cell.ConnectAsync();
        (Fid f, byte[] content) = await MakeAsync(a, 200 * Block);
        content[0]++;
        await StorePartsAsync(a, f, 2, content, [At(0)]);
        string patch = Contents(cell).MinBy(path => new FileInfo(path).Length)!, whole = Contents(cell).MaxBy(path => new FileInfo(path).Length)!;
        byte[] good = File.ReadAllBytes(patch);
        byte[] bad = [.. good];
        bad[17]++;
        File.WriteAllBytes(patch, bad);
        Assert.Contains(Check(cell), problem => problem.Kind == ProblemKind.ContentMissing);
        File.WriteAllBytes(patch, good);
        Assert.Empty(Check(cell));
        File.Move(whole, whole + ".away");
        Assert.Contains(Check(cell), problem => problem.Kind == ProblemKind.ContentMissing);
    }

    private static async Task<FetchStatus> StorePartsAsync(TestClient client, Fid f, ulong @base, byte[] content, IReadOnlyList<Extent> extents)
    {
        var id = new UploadId(++_lastUpload);
        UploadReply upload = (await client.UploadPartsAsync(id, f, @base, content, extents)).Value;
        Assert.Equal((content.LongLength, Crc32C.Of(content)), (upload.LengthBytes, upload.Crc32C));
        StoreDataReply reply = (await client.StoreUploadAsync(f, id, content, @base)).Value;
        Assert.Equal((new DataVersion(@base + 1), false), (reply.Status.DataVersion, reply.ReplacedUnseen));
        return reply.Status;
    }
}
