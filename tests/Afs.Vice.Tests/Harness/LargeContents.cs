using Afs.Vice.Salvage;
using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Tests.Harness;

/// <summary>Contents of many blocks, and what the server makes of them on its disk.</summary>
internal static class LargeContents
{
    public const int Block = Limits.BlockBytes;

    /// <summary>Stores this content over a version, and says that these extents changed.</summary>
    public delegate Task Store(TestClient client, Fid file, ulong @base, byte[] content, IReadOnlyList<Extent> extents);

    public static Extent At(int block, int length = Block) => new() { OffsetBytes = (long)block * Block, LengthBytes = length };

    public static byte[] Bytes(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A file whose second version is random bytes, as one upload.</summary>
    public static async Task<(Fid, byte[])> MakeAsync(TestClient client, int length)
    {
        Fid f = await client.MakeAsync(await client.RootAsync(), "f");
        byte[] content = Bytes(length);
        var upload = new UploadId(1);
        await client.UploadAsync(upload, f.Volume, content);
        Assert.True((await client.StoreUploadAsync(f, upload, content, 1)).IsReply);
        return (f, content);
    }

    /// <summary>A content grows by its last block alone, then changes in its third.</summary>
    public static async Task GrowAsync(TestClient client, int before, int after, Store store)
    {
        (Fid f, byte[] content) = await MakeAsync(client, before);
        Array.Resize(ref content, after);
        int last = (after - 1) / Block;
        content[^1] = 7;
        await store(client, f, 2, content, [At(last, after - last * Block)]);
        Assert.Equal(content, (await client.DownloadAsync(f, 3)).Value);
        content[2 * Block] = 9;
        await store(client, f, 3, content, [At(2)]);
        Assert.Equal(content, (await client.DownloadAsync(f, 4)).Value);
    }

    /// <summary>The content files' paths.</summary>
    public static string[] Contents(TestCell cell) => Directory.GetFiles(Path.Combine(cell.Folder, "content"), "*", SearchOption.AllDirectories);

    public static IContentStore StoreOf(TestCell cell) => FileContentStore.Of(cell.Disk);

    public static IReadOnlyList<Problem> Check(TestCell cell) => CheckAsync(cell).Result;

    public static IReadOnlyList<Problem> Scrub(TestCell cell) => ScrubAsync(cell).Result;

    public static void AssertSound(TestCell cell)
    {
        Assert.Empty(Check(cell));
        Assert.Empty(Scrub(cell));
    }

    private static async Task<IReadOnlyList<Problem>> ScrubAsync(TestCell cell) =>
        (await new Scrubber(cell.Metadata.OpenView, StoreOf(cell)).RunAsync(static (_, _) => { }, CancellationToken.None)).Problems;

    /// <summary>Nothing in it waits: the store is its caller's own.</summary>
    private static async Task<IReadOnlyList<Problem>> CheckAsync(TestCell cell) => (await new Salvager(cell.Metadata, StoreOf(cell)).CheckAsync()).Problems;
}
