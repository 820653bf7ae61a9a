using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Sums of blocks: however they are come by, they are those of the content.</summary>
public sealed class BlockSumsTests : IDisposable
{
    private const int Length = 9 * Limits.BlockBytes + 4321;

    private readonly string _folder = Directory.CreateTempSubdirectory("venus-sums-").FullName;
    private readonly BlockHashKey _key = new(new Random(1));
    private readonly byte[] _content = new byte[Length];

    public BlockSumsTests()
    {
        new Random(2).NextBytes(_content);
        _content.AsSpan(3 * Limits.BlockBytes, 2 * Limits.BlockBytes).Clear();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(65_536)]
    [InlineData(7 * 65_536)]
    [InlineData(100_001)]
    [InlineData(Length)]
    public void What_arrives_in_pieces_has_the_sums_of_the_file(int pieceBytes)
    {
        using var arriving = new ArrivingSums(_key.MakeHasher(), BlockSums.OfNothing(Length));
        arriving.Add(0, _content.AsSpan(0, 70_000)); // It breaks off, and comes again.
        arriving.Restart();
        for (int offset = 0; offset < Length; offset += pieceBytes)
            arriving.Add(offset, _content.AsSpan(offset, Math.Min(pieceBytes, Length - offset)));
        AssertSame(arriving.Sums);
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(65_536)]
    [InlineData(7 * 65_536)]
    [InlineData(99_999)]
    [InlineData(Length)]
    public void What_a_store_reads_has_the_sums_of_the_file(int bufferBytes)
    {
        using IDiskFile file = MakeFile();
        var before = BlockSums.OfZeros(Length, _key.MakeHasher());
        var plan = new StorePlan(Length, null, [new Extent { OffsetBytes = 0, LengthBytes = Length }], 0, 0, before);
        using var reader = new PlanReader(file, plan, _key);
        byte[] buffer = new byte[bufferBytes];
        reader.Read(0, buffer); // It breaks off, and is sent again.
        var sent = new MemoryStream();
        while (sent.Length < Length)
            sent.Write(buffer, 0, reader.Read(sent.Length, buffer));
        Assert.Equal(_content, sent.ToArray());
        Assert.Equal(Crc32C.Of(_content), reader.WholeCrc32C);
        AssertSame(reader.Sums!);
    }

    [Fact]
    public void Parts_that_arrive_change_the_sums_of_the_older_version()
    {
        using IDiskFile file = MakeFile();
        BlockSums older = new BlockScanner(_key).Scan(file, Length, withCrc32C: true);
        byte[] content = [.. _content, .. new byte[100]];
        new Random(3).NextBytes(content.AsSpan(4 * Limits.BlockBytes, Limits.BlockBytes));
        new Random(4).NextBytes(content.AsSpan(9 * Limits.BlockBytes));
        IBlockHasher hasher = _key.MakeHasher();
        using var arriving = new ArrivingSums(hasher, older.Extended(content.Length, hasher));
        arriving.Add(4 * Limits.BlockBytes, content.AsSpan(4 * Limits.BlockBytes, Limits.BlockBytes));
        arriving.Add(9 * Limits.BlockBytes, content.AsSpan(9 * Limits.BlockBytes));
        file.Write(0, content);
        AssertSame(arriving.Sums, new BlockScanner(_key).Scan(file, content.Length, withCrc32C: true));
        Assert.Equal(Crc32C.Of(content), arriving.Sums.WholeCrc32C());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private IDiskFile MakeFile()
    {
        IDiskFile file = new LinuxDisk(_folder).Open("f", DiskOpenMode.OpenOrCreate);
        file.Write(0, _content);
        return file;
    }

    private void AssertSame(BlockSums sums)
    {
        using IDiskFile file = MakeFile();
        AssertSame(sums, new BlockScanner(_key).Scan(file, Length, withCrc32C: true));
        Assert.Equal(Crc32C.Of(_content), sums.WholeCrc32C());
        new LinuxDisk(_folder).Delete("f");
    }

    private static void AssertSame(BlockSums sums, BlockSums expected)
    {
        Assert.Equal(expected.Count, sums.Count);
        for (int block = 0; block < sums.Count; block++)
        {
            Assert.True(sums.IsSame(block, expected), $"block {block}");
            Assert.Equal(expected.Crc32COf(block), sums.Crc32COf(block));
        }
    }
}
