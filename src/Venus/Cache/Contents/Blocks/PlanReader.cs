using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Reads what a store sends and sums up what it gave: a block may have changed since the plan was made, and what counts is what was
/// sent. Not safe for concurrent use.
/// </summary>
internal sealed class PlanReader : IDisposable
{
    private readonly IDiskFile _file;
    private readonly StorePlan _plan;
    private readonly IBlockHasher _hasher;

    /// <summary>A block of which only a part had room.</summary>
    private readonly byte[] _block = new byte[Limits.BlockBytes];

    private readonly uint _zerosCrc32C;
    private ExtentCursor _cursor;
    private PartsChecksum _checksum;
    private int _blockBytes;
    private int _given;

    public PlanReader(IDiskFile file, StorePlan plan, BlockHashKey key)
    {
        (_file, _plan, _hasher) = (file, plan, key.MakeHasher());
        Sums = plan.Before?.Extended(plan.LengthBytes, _hasher);
        _zerosCrc32C = Crc32C.Of(_block);
        (_cursor, _checksum) = Begin();
    }

    /// <summary>Of the content as it was sent; null where the plan has none.</summary>
    public BlockSums? Sums { get; }

    /// <summary>Of the whole content as it was sent.</summary>
    public uint WholeCrc32C => _checksum.Value;

    /// <summary>In order; an offset of zero begins again.</summary>
    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    public int Read(long offset, Span<byte> destination)
    {
        if (offset == 0)
            (_cursor, _checksum) = Begin();
        int done = 0;
        while (done < destination.Length && (_given < _blockBytes || !_cursor.IsAtEnd))
        {
            if (_given < _blockBytes)
                done += GiveRest(destination[done..]);
            else if (WholeBlocks(destination.Length - done) is > 0 and int count)
                done += ReadBlocks(destination.Slice(done, count));
            else
                (_blockBytes, _given) = (ReadBlocks(_block.AsSpan(0, (int)Math.Min(Limits.BlockBytes, _cursor.Left))), 0);
        }
        return done;
    }

    public void Dispose() => _hasher.Dispose();

    private (ExtentCursor Cursor, PartsChecksum Checksum) Begin()
    {
        (_blockBytes, _given) = (0, 0);
        return (new ExtentCursor(_plan.Extents), new PartsChecksum(_plan.BaseCrc32C, _plan.BaseLengthBytes, _plan.LengthBytes));
    }

    /// <summary>Bytes of the extent's next blocks that fit there entirely.</summary>
    private int WholeBlocks(int roomBytes) => _cursor.Left <= roomBytes ? (int)_cursor.Left : roomBytes / Limits.BlockBytes * Limits.BlockBytes;

    private int GiveRest(Span<byte> destination)
    {
        int count = Math.Min(_blockBytes - _given, destination.Length);
        _block.AsSpan(_given, count).CopyTo(destination);
        _given += count;
        return count;
    }

    /// <summary>Reads and sums up the extent's next blocks; all of the count.</summary>
    private int ReadBlocks(Span<byte> bytes)
    {
        if (_file.Read(_cursor.Offset, bytes) != bytes.Length)
            throw new ShrunkException();
        for (int done = 0; done < bytes.Length;)
        {
            Span<byte> block = bytes.Slice(done, Math.Min(Limits.BlockBytes, bytes.Length - done));
            Sum(_cursor.Offset, block);
            _cursor.Advance(block.Length);
            done += block.Length;
        }
        return bytes.Length;
    }

    private void Sum(long offset, ReadOnlySpan<byte> bytes)
    {
        uint crc = Crc32C.Of(bytes);
        _checksum.Replace(offset, bytes.Length, Before(offset / Limits.BlockBytes, bytes.Length), crc);
        Sums?.Set(offset / Limits.BlockBytes, _hasher.Hash(bytes), crc);
    }

    private uint Before(long block, int countBytes)
    {
        if (_plan.Before is { } before)
            return before.Crc32COf(block);
        return countBytes == Limits.BlockBytes ? _zerosCrc32C : Crc32C.OfZeros(countBytes);
    }
}
