using System.Buffers.Binary;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// The head of a patch: a content file that holds only the blocks in which a content differs from its base, a whole content file.
/// <code>
///  0  magic "AFSPATCH"      8  format (32): 1       12  blocks n (32)
/// 16  content length (64)  24  base (64)            32  base length (64)
/// 40  CRC32C of bytes 0 to 39 and of the index (32)  44  zeros (32)
/// 48  index: n block numbers (32), ascending; then zeros up to a multiple of 4,096, and n blocks of 64 KiB
/// </code>
/// Numbers are little-endian. A content is never shorter than its base; what neither has is zeros.
/// </summary>
internal sealed class PatchIndex
{
    private const int HeadBytes = 48, SumAt = 40;
    private const int DataAlignment = 4096;
    private const uint Format = 1;
    private const long MostBlocks = Limits.FileBytes / Limits.BlockBytes;

    private readonly uint[] _blocks;

    public PatchIndex(ObjectId @base, long baseLengthBytes, long lengthBytes, uint[] blocks) =>
        (Base, BaseLengthBytes, LengthBytes, _blocks) = (@base, baseLengthBytes, lengthBytes, blocks);

    public ObjectId Base { get; }

    public long BaseLengthBytes { get; }

    /// <summary>Of the whole content.</summary>
    public long LengthBytes { get; }

    /// <summary>Ascending.</summary>
    public ReadOnlySpan<uint> Blocks => _blocks;

    public long FileBytes => DataStart + (long)_blocks.Length * Limits.BlockBytes;

    private long DataStart => (HeadBytes + (long)_blocks.Length * sizeof(uint) + DataAlignment - 1) / DataAlignment * DataAlignment;

    /// <summary>Where in the patch a block is. False: it is the base's.</summary>
    public bool TryFind(long block, out long offset)
    {
        int at = Array.BinarySearch(_blocks, (uint)block);
        offset = DataStart + (long)at * Limits.BlockBytes;
        return at >= 0;
    }

    /// <summary>The next block behind <paramref name="block"/> that the patch has; past all where there is none.</summary>
    public long NextBehind(long block)
    {
        int at = Array.BinarySearch(_blocks, (uint)block);
        int next = at >= 0 ? at + 1 : ~at;
        return next < _blocks.Length ? _blocks[next] : long.MaxValue;
    }

    public byte[] Encode()
    {
        byte[] bytes = new byte[HeadBytes + _blocks.Length * sizeof(uint)];
        "AFSPATCH"u8.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Format);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), _blocks.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), LengthBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), Base.Value);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), BaseLengthBytes);
        for (int i = 0; i < _blocks.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(HeadBytes + i * sizeof(uint)), _blocks[i]);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(SumAt), Sum(bytes));
        return bytes;
    }

    /// <exception cref="DiskException">It is no patch, or damaged.</exception>
    public static PatchIndex Read(IDiskFile file)
    {
        byte[] head = new byte[HeadBytes];
        bool isHead = file.Read(0, head) == HeadBytes && head.AsSpan(0, 8).SequenceEqual("AFSPATCH"u8)
            && BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(8)) == Format;
        int count = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(12));
        if (!isHead || count < 0 || count > MostBlocks || HeadBytes + (long)count * sizeof(uint) > file.LengthBytes)
            throw Damaged();
        byte[] all = new byte[HeadBytes + count * sizeof(uint)];
        if (file.Read(0, all) != all.Length || BinaryPrimitives.ReadUInt32LittleEndian(all.AsSpan(SumAt)) != Sum(all))
            throw Damaged();
        uint[] blocks = new uint[count];
        for (int i = 0; i < count; i++)
            blocks[i] = BinaryPrimitives.ReadUInt32LittleEndian(all.AsSpan(HeadBytes + i * sizeof(uint)));
        var index = new PatchIndex(
            new ObjectId(BinaryPrimitives.ReadUInt64LittleEndian(all.AsSpan(24))), BinaryPrimitives.ReadInt64LittleEndian(all.AsSpan(32)),
            BinaryPrimitives.ReadInt64LittleEndian(all.AsSpan(16)), blocks);
        return index.FileBytes == file.LengthBytes ? index : throw Damaged();
    }

    private static uint Sum(byte[] bytes)
    {
        var crc = new Crc32C();
        crc.Add(bytes.AsSpan(0, SumAt));
        crc.Add(bytes.AsSpan(HeadBytes));
        return crc.Value;
    }

    private static DiskException Damaged() => new(DiskFailure.Failed, "The head of a patch is damaged.");
}
