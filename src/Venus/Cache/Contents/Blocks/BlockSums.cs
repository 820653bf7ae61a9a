using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Hash and CRC32C of each block of one content. Blocks may be set from several threads, each once.</summary>
internal sealed class BlockSums
{
    /// <summary>Contents of more blocks, 16 GiB, are stored whole: their sums would take too much memory.</summary>
    private const long MostBlocks = 1 << 18;

    // Zero: not known, which no block equals.
    private readonly UInt128[] _hashes;
    private readonly uint[] _crcs;

    private BlockSums(long lengthBytes)
    {
        LengthBytes = lengthBytes;
        long count = CountOf(lengthBytes);
        (_hashes, _crcs) = (new UInt128[count], new uint[count]);
    }

    public long LengthBytes { get; }

    public int Count => _hashes.Length;

    public static bool CanHold(long lengthBytes) => CountOf(lengthBytes) <= MostBlocks;

    /// <summary>Of a content that isn't known yet.</summary>
    public static BlockSums OfNothing(long lengthBytes) => new(lengthBytes);

    /// <summary>Of a content of zeros.</summary>
    public static BlockSums OfZeros(long lengthBytes, IBlockHasher hasher)
    {
        var sums = new BlockSums(lengthBytes);
        sums.SetZeros(0, hasher);
        return sums;
    }

    /// <summary>A copy, of a content that goes on with zeros behind these.</summary>
    public BlockSums Extended(long lengthBytes, IBlockHasher hasher)
    {
        var sums = new BlockSums(lengthBytes);
        _hashes.CopyTo(sums._hashes, 0);
        _crcs.CopyTo(sums._crcs, 0);
        if (lengthBytes == LengthBytes)
            return sums;
        sums.SetZeros(Count, hasher);
        long lastWas = LengthBytes - (Count - 1L) * Limits.BlockBytes, lastIs = sums.BytesOf(Count - 1);
        if (Count > 0 && lastIs != lastWas)
        {
            var crc = Crc32C.From(_crcs[^1]);
            crc.AddZeros(lastIs - lastWas);
            (sums._hashes[Count - 1], sums._crcs[Count - 1]) = (default, crc.Value);
        }
        return sums;
    }

    public int BytesOf(long block) => (int)Math.Min(Limits.BlockBytes, LengthBytes - block * Limits.BlockBytes);

    public uint Crc32COf(long block) => _crcs[block];

    public bool IsSame(long block, BlockSums other) => _hashes[block] != default && _hashes[block] == other._hashes[block];

    public void Set(long block, UInt128 hash, uint crc32C) => (_hashes[block], _crcs[block]) = (hash, crc32C);

    /// <summary>The checksum of the whole.</summary>
    public uint WholeCrc32C()
    {
        uint crc = 0;
        for (int block = 0; block < Count; block++)
            crc = Crc32C.Join(crc, _crcs[block], BytesOf(block));
        return crc;
    }

    private static long CountOf(long lengthBytes) => (lengthBytes + Limits.BlockBytes - 1) / Limits.BlockBytes;

    private void SetZeros(int from, IBlockHasher hasher)
    {
        if (from == Count)
            return;
        byte[] zeros = new byte[Limits.BlockBytes];
        (UInt128 hash, uint crc) = (hasher.Hash(zeros), Crc32C.Of(zeros));
        Array.Fill(_hashes, hash, from, Count - from);
        Array.Fill(_crcs, crc, from, Count - from);
        ReadOnlySpan<byte> last = zeros.AsSpan(0, BytesOf(Count - 1));
        Set(Count - 1, hasher.Hash(last), Crc32C.Of(last));
    }
}
