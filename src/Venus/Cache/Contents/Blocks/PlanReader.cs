using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Reads what a store sends, block by block, and sums up what it gave: a block may have changed since the plan was made, and what counts is what was
/// sent. Not safe for concurrent use.
/// </summary>
internal sealed class PlanReader : IDisposable
{
    private readonly IDiskFile _file;
    private readonly StorePlan _plan;
    private readonly BlockHasher _hasher;
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
            if (_given == _blockBytes)
                ReadBlock();
            int count = Math.Min(_blockBytes - _given, destination.Length - done);
            _block.AsSpan(_given, count).CopyTo(destination[done..]);
            _given += count;
            done += count;
        }
        return done;
    }

    public void Dispose() => _hasher.Dispose();

    private (ExtentCursor Cursor, PartsChecksum Checksum) Begin()
    {
        (_blockBytes, _given) = (0, 0);
        return (new ExtentCursor(_plan.Extents), new PartsChecksum(_plan.BaseCrc32C, _plan.BaseLengthBytes, _plan.LengthBytes));
    }

    private void ReadBlock()
    {
        long offset = _cursor.Offset;
        (_blockBytes, _given) = ((int)Math.Min(Limits.BlockBytes, _cursor.Left), 0);
        Span<byte> bytes = _block.AsSpan(0, _blockBytes);
        if (_file.Read(offset, bytes) != bytes.Length)
            throw new ShrunkException();
        uint crc = Crc32C.Of(bytes);
        _checksum.Replace(offset, bytes.Length, Before(offset / Limits.BlockBytes), crc);
        Sums?.Set(offset / Limits.BlockBytes, _hasher.Hash(bytes), crc);
        _cursor.Advance(bytes.Length);
    }

    private uint Before(long block)
    {
        if (_plan.Before is { } before)
            return before.Crc32COf(block);
        if (_blockBytes == Limits.BlockBytes)
            return _zerosCrc32C;
        var zeros = new Crc32C();
        zeros.AddZeros(_blockBytes);
        return zeros.Value;
    }
}
