using System.Buffers.Binary;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Salvage;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Content;
using Afs.Wire;
using SQLitePCL;

namespace Afs.Vice.Tests;

/// <summary>Databases of older programs.</summary>
public class FormatTests
{
    private const string AsOfFormat1 = """
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
            Execute(path, "PRAGMA user_version = 2");
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
        Assert.Empty(new Salvager(cell.Metadata, new ContentStore(cell.Disk, new Epoch(99))).Check().Problems);
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
