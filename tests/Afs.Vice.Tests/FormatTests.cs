using System.Buffers.Binary;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Service;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using SQLitePCL;

namespace Afs.Vice.Tests;

/// <summary>Databases of older programs.</summary>
public class FormatTests
{
    private const string AsOfFormat4 = """
        DROP INDEX vnode_leases_client;
        DROP TABLE vnode_leases;
        DROP TABLE batches;
        ALTER TABLE sessions DROP COLUMN holds_tokens;
        PRAGMA user_version = 4;

        """;

    private const string AsOfFormat3 = AsOfFormat4 + """
        ALTER TABLE replies DROP COLUMN request;
        PRAGMA user_version = 3;

        """;

    private const string AsOfFormat1 = AsOfFormat3 + """
        DROP INDEX contents_object;
        DROP INDEX contents_base;
        DROP INDEX kept_object;
        DROP INDEX kept_base;
        ALTER TABLE contents DROP COLUMN base;
        ALTER TABLE kept DROP COLUMN base;
        PRAGMA user_version = 1;
        """;

    [Fact]
    public async Task A_database_of_format_1_is_brought_up_with_all_that_it_holds()
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = new byte[100_000];
        content[0] = 7;
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        cell.Restart(path => Execute(path, AsOfFormat1));
        a.Attach();
        Assert.Equal(content, (await a.DownloadAsync(f, 2)).Value);
    }

    [Fact]
    public async Task A_database_of_format_4_is_brought_up_and_takes_batches_then()
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f");
        await a.StoreAsync(f, [7], 1);
        cell.Restart(path => Execute(path, AsOfFormat4));
        a.Attach();
        Assert.Equal([7], (await a.FetchAsync(f)).Value.Content!);
        LeaseVnodesReply lease = (await a.LeaseAsync(root.Volume, 2)).Value;
        Assert.Equal(f.Vnode.Value + 1, lease.First.Value);
        var given = new Fid(root.Volume, lease.First, lease.Uniquifier);
        Assert.Empty((await a.ApplyAsync(root.Volume, 1, new BatchOperation { Create = a.CreateRequest(root, "g") with { Given = given } })).Value.Refused);
        cell.Restart();
        a.Attach();
        Assert.Equal(given, (await a.StatusAsync(given))!.Fid);
        Assert.Equal(1u, (await a.LeaseAsync(root.Volume, 0)).Value.LastBatch.Value);
        Assert.Empty(LargeContents.Check(cell));
    }

    [Fact]
    public async Task A_patch_of_blocks_of_format_2_is_read_and_built_on()
    {
        const int Blocks = 40, Changed = 39;
        using var cell = new TestCell(StoreKind.Sqlite);
        TestClient a = await cell.ConnectAsync();
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        byte[] content = new byte[Blocks * Limits.BlockBytes - 7_000];
        new Random(1).NextBytes(content);
        await a.UploadAsync(new UploadId(1), f.Volume, content);
        await a.StoreUploadAsync(f, new UploadId(1), content, 1);
        new Random(2).NextBytes(content.AsSpan(Changed * Limits.BlockBytes));
        Extent[] last = [new() { OffsetBytes = Changed * Limits.BlockBytes, LengthBytes = content.Length - Changed * Limits.BlockBytes }];
        await a.UploadPartsAsync(new UploadId(2), f, 2, content, last);
        Assert.True((await a.StoreUploadAsync(f, new UploadId(2), content, 2)).IsReply);
        string patch = Directory.GetFiles(Path.Combine(cell.Folder, "content"), "*", SearchOption.AllDirectories).MinBy(path => new FileInfo(path).Length)!;
        cell.Restart(path =>
        {
            Execute(path, AsOfFormat3 + "PRAGMA user_version = 2");
            File.WriteAllBytes(patch, AsOfBlocks(File.ReadAllBytes(patch), Changed, content.AsSpan(Changed * Limits.BlockBytes)));
        });
        a.Attach();
        Assert.Equal(content, (await a.DownloadAsync(f, 3)).Value);

        // It grows, and keeps what the old patch had.
        Array.Resize(ref content, (Blocks + 3) * Limits.BlockBytes);
        content[^1] = 1;
        content[3 * Limits.BlockBytes]++;
        Extent[] extents = [At(3), At(Blocks + 2)];
        Assert.True((await a.Vice.StoreDataAsync(a.PartsRequest(f, 3, content, extents), a.Next())).IsReply);
        Assert.Equal(content, (await a.DownloadAsync(f, 4)).Value);
        cell.Restart();
        a.Attach();
        Assert.Equal(content, (await a.DownloadAsync(f, 4)).Value);
        Assert.Empty(LargeContents.Check(cell));
    }

    [Fact]
    public async Task A_database_that_format_3_left_is_brought_up_and_its_replies_are_given_to_their_retries()
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        cell.Restart(static path =>
        {
            foreach (string file in new[] { path, path + "-wal", path + "-shm" })
                File.Delete(file);
            Execute(path, File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "vectors", "metadata-format-3.sql")));
        });
        var id = new ClientId(11, 1);
        CallContext Call(ulong sequence) => new() { Id = new CallId(id, new SessionId(1), new CallSequence(sequence)), Request = new RequestDigest(sequence) };

        Fid root = (await cell.Server.Service.GetVolumeAsync(new GetVolumeRequest { Name = "root" }, Call(9))).Value.Root;
        FetchDirectoryReply listed = (await cell.Server.Service.FetchDirectoryAsync(new FetchDirectoryRequest { Directory = root, MostEntries = 10 }, Call(10))).Value;
        Assert.Equal("moved"u8.ToArray(), Assert.Single(listed.Entries).Name);
        var rename = new RenameRequest
        {
            FromParent = root,
            FromName = "folder"u8.ToArray(),
            ToParent = root,
            ToName = "moved"u8.ToArray(),
            Mode = RenameMode.NoReplace,
            Time = new Timestamp(1_800_000_000, 0),
        };
        RenameReply moved = (await cell.Server.Service.RenameAsync(rename, Call(8))).Value;
        Assert.Equal((root, listed.Entries[0].Fid), (moved.FromParent.Fid, moved.Moved.Fid));
        await Assert.ThrowsAsync<MalformedMessageException>(async () => await cell.Server.Service.RenameAsync(rename, Call(2)));
        Assert.Empty(LargeContents.Check(cell));

        // What was stored from here on says what it answers.
        Assert.True((await cell.Server.Service.RenameAsync(rename with { FromName = rename.ToName, ToName = "again"u8.ToArray() }, Call(11))).IsReply);
        using IMetadataView view = cell.Metadata.OpenView();
        Assert.Equal(new RequestDigest(11), view.FindReply(new SessionId(1), new CallSequence(11))!.Value.Request);
    }

    /// <summary>A row that no server wrote costs what it is about, and no connection, no process and nobody else's reply.</summary>
    [Fact]
    public async Task Numbers_in_rows_that_mean_nothing_are_harmless()
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        TestClient a = await cell.ConnectAsync();
        Fid root = await a.RootAsync(), f = await a.MakeAsync(root, "f"), g = await a.MakeAsync(root, "g");
        cell.Restart(path => Execute(path, $"""
            UPDATE vnodes SET type = 77 WHERE vnode = {f.Vnode.Value};
            UPDATE entries SET type = -1 WHERE vnode = {f.Vnode.Value};
            INSERT INTO kept SELECT volume, vnode, uniquifier, 1, 0, 0, 0, 0, 0, {long.MaxValue}, NULL, 0 FROM vnodes WHERE vnode = {g.Vnode.Value};
            """));
        a.Attach();
        Outcome<FetchDirectoryReply> listed = await a.Vice.FetchDirectoryAsync(new FetchDirectoryRequest { Directory = root, MostEntries = 10 }, a.Next());
        Assert.Equal([FileType.None, FileType.Regular], listed.Value.Entries.Select(static entry => entry.Type));
        Assert.Equal(FileType.None, (await a.Vice.FetchStatusAsync(new FetchStatusRequest { Fids = [f] }, a.Next())).Value.Statuses[0]!.Type);
        using IMetadataView view = cell.Metadata.OpenView();
        Assert.Equal(DateTimeOffset.MaxValue.Year, Assert.Single(view.ReadKeptVersions()).KeptAt.Year);
        Assert.NotEmpty(LargeContents.Check(cell));
    }

    [Theory]
    [InlineData(2, 1, 100_000)]
    [InlineData(1, 1, 100_000)]
    [InlineData(1, 2, -1)]
    public async Task A_patch_whose_head_makes_no_sense_is_damaged_whatever_its_checksum_says(int first, int second, int lengthBytes)
    {
        using var cell = new TestCell(StoreKind.Sqlite);
        TestClient a = await cell.ConnectAsync();
        const int Head = 48, SumAt = 40, Page = 4096;
        byte[] patch = new byte[Head + 2 * sizeof(int) + 2 * Page];
        "AFSPATCH"u8.CopyTo(patch);
        BinaryPrimitives.WriteInt32LittleEndian(patch.AsSpan(8), 2);
        BinaryPrimitives.WriteInt32LittleEndian(patch.AsSpan(12), 2);
        BinaryPrimitives.WriteInt64LittleEndian(patch.AsSpan(16), lengthBytes);
        BinaryPrimitives.WriteInt32LittleEndian(patch.AsSpan(Head), first);
        BinaryPrimitives.WriteInt32LittleEndian(patch.AsSpan(Head + sizeof(int)), second);
        var sum = new Crc32C();
        sum.Add(patch.AsSpan(0, SumAt));
        sum.Add(patch.AsSpan(Head, 2 * sizeof(int)));
        BinaryPrimitives.WriteUInt32LittleEndian(patch.AsSpan(SumAt), sum.Value);
        IContentStore store = FileContentStore.Begin(cell.Disk, new Room(cell.Disk), DiskThreads.Inline);
        (ObjectId id, ObjectId @base) = (ObjectId.Make(new Epoch(98), 1), ObjectId.Make(new Epoch(98), 2));
        foreach ((ObjectId made, byte[] bytes) in new[] { (id, patch), (@base, []) })
        {
            await using IContentWriter writer = await store.CreateAsync(made, default);
            await writer.AppendAsync(new[] { ContentPiece.Of(bytes) }, default);
            await writer.CompleteAsync(default);
        }
        var record = new ContentRecord(new DataVersion(1), id, null, a.Id, @base);
        Assert.Equal(DiskFailure.Failed, (await Assert.ThrowsAsync<DiskException>(async () => await store.OpenAsync(record, default))).Failure);
    }

    /// <summary>A patch of one block as format 1 of patches had it, with the head of a patch of pages.</summary>
    private static byte[] AsOfBlocks(byte[] ofPages, int block, ReadOnlySpan<byte> content)
    {
        const int Head = 48, SumAt = 40, Data = 4096;
        byte[] patch = new byte[Data + Limits.BlockBytes];
        ofPages.AsSpan(0, SumAt).CopyTo(patch);
        BinaryPrimitives.WriteInt32LittleEndian(patch.AsSpan(8), 1);
        BinaryPrimitives.WriteInt32LittleEndian(patch.AsSpan(12), 1);
        BinaryPrimitives.WriteInt32LittleEndian(patch.AsSpan(Head), block);
        var sum = new Crc32C();
        sum.Add(patch.AsSpan(0, SumAt));
        sum.Add(patch.AsSpan(Head, sizeof(int)));
        BinaryPrimitives.WriteUInt32LittleEndian(patch.AsSpan(SumAt), sum.Value);
        content.CopyTo(patch.AsSpan(Data));
        return patch;
    }

    private static Extent At(int block) => new() { OffsetBytes = (long)block * Limits.BlockBytes, LengthBytes = Limits.BlockBytes };

    private static void Execute(string path, string sql)
    {
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open(path, out sqlite3 database));
        using (database)
            Assert.Equal(raw.SQLITE_OK, raw.sqlite3_exec(database, sql));
    }
}
