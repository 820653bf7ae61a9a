using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Computes the sums of blocks that arrive in order, in pieces of any length. Not safe for concurrent use.</summary>
/// <param name="hasher">Belongs to this from here on.</param>
/// <param name="sums">Gets them; those of blocks that don't come stay as they are.</param>
internal sealed class ArrivingSums(IBlockHasher hasher, BlockSums sums) : IDisposable
{
    private byte[] _partial = [];
    private int _partialBytes;

    public BlockSums Sums => sums;

    /// <param name="offset">Of the content: where the last piece ended, or the beginning of a block.</param>
    public void Add(long offset, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            long block = offset / Limits.BlockBytes;
            int missing = sums.BytesOf(block) - (int)(offset % Limits.BlockBytes), count = Math.Min(missing, data.Length);
            if (count == sums.BytesOf(block))
                Sum(block, data[..count]);
            else
                AddPartial(block, data[..count]);
            offset += count;
            data = data[count..];
        }
    }

    /// <summary>What came is forgotten, for a content that comes again from its beginning.</summary>
    public void Restart() => _partialBytes = 0;

    public void Dispose() => hasher.Dispose();

    private void AddPartial(long block, ReadOnlySpan<byte> piece)
    {
        if (_partial.Length == 0)
            _partial = new byte[Limits.BlockBytes];
        piece.CopyTo(_partial.AsSpan(_partialBytes));
        _partialBytes += piece.Length;
        if (_partialBytes < sums.BytesOf(block))
            return;
        Sum(block, _partial.AsSpan(0, _partialBytes));
        _partialBytes = 0;
    }

    private void Sum(long block, ReadOnlySpan<byte> bytes) => sums.Set(block, hasher.Hash(bytes), Crc32C.Of(bytes));
}
