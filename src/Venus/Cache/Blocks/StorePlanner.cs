using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What of a container is sent for a store, and what its content is taken to be a change of.</summary>
/// <param name="Parts">Null: the whole content is sent.</param>
/// <param name="Extents">What is sent; all of it where the whole content is.</param>
/// <param name="BaseCrc32C">Of the base; of nothing where that is zeros.</param>
/// <param name="BaseLengthBytes">Of the base; 0 where that is zeros.</param>
/// <param name="Before">The sums of the base with zeros behind it; null where the content is too long, and the base zeros.</param>
internal sealed record StorePlan(
    long LengthBytes, ContentParts? Parts, IReadOnlyList<Extent> Extents, uint BaseCrc32C, long BaseLengthBytes, BlockSums? Before)
{
    public long TransferBytes { get; } = Extents.Sum(static e => e.LengthBytes);
}

/// <summary>
/// Decides what a store sends. Where the sums of the version are known that the changes started from, only the blocks that differ; else only what is
/// no hole; else all. The kernel writes to containers without telling, so that only reading them shows what changed.
/// </summary>
internal sealed class StorePlanner(BlockHashKey key, BlockScanner scanner)
{
    /// <summary>Smaller contents are sent whole: parts would save less than they cost.</summary>
    public const long LeastBytes = 4 * Limits.BlockBytes;

    /// <summary>May take as long as reading the file.</summary>
    /// <param name="file">The container's.</param>
    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    /// <exception cref="DiskException">It can't be read.</exception>
    public StorePlan Make(Container container, IDiskFile file, long lengthBytes)
    {
        if (lengthBytes < LeastBytes)
            return Whole(lengthBytes);
        if (container.Blocks is { } blocks && blocks.LengthBytes <= lengthBytes && BlockSums.CanHold(lengthBytes)
            && Changed(container, file, blocks, lengthBytes) is { } changed)
            return changed;
        return Sparse(file, lengthBytes) ?? Whole(lengthBytes);
    }

    /// <summary>Null: too much changed.</summary>
    private StorePlan? Changed(Container container, IDiskFile file, BlockSums blocks, long lengthBytes)
    {
        BlockSums before = blocks;
        if (blocks.LengthBytes < lengthBytes)
        {
            using IBlockHasher hasher = key.MakeHasher();
            before = blocks.Extended(lengthBytes, hasher);
        }
        BlockSums now = scanner.Scan(file, lengthBytes, withCrc32C: false);
        IReadOnlyList<Extent> extents = Extents.Cover(Differences(before, now), lengthBytes);
        var parts = new ContentParts { LengthBytes = lengthBytes, Base = container.BaseVersion, Extents = extents };
        return parts.TransferBytes <= lengthBytes / 4 * 3
            ? new StorePlan(lengthBytes, parts, extents, container.Crc32C, blocks.LengthBytes, before)
            : null;
    }

    /// <summary>Null: there is little to leave out.</summary>
    private StorePlan? Sparse(IDiskFile file, long lengthBytes)
    {
        IReadOnlyList<Extent> extents = Extents.Cover(DataRuns.Of(file).Where(r => r.Start < lengthBytes).Select(r => (r.Start, Math.Min(r.End, lengthBytes))), lengthBytes);
        var parts = new ContentParts { LengthBytes = lengthBytes, Base = DataVersion.None, Extents = extents };
        return parts.TransferBytes <= lengthBytes / 4 * 3 ? new StorePlan(lengthBytes, parts, extents, 0, 0, Zeros(lengthBytes)) : null;
    }

    private StorePlan Whole(long lengthBytes) => new(
        lengthBytes, null, [new Extent { OffsetBytes = 0, LengthBytes = lengthBytes }], 0, 0, lengthBytes < LeastBytes ? null : Zeros(lengthBytes));

    private BlockSums? Zeros(long lengthBytes)
    {
        if (!BlockSums.CanHold(lengthBytes))
            return null;
        using IBlockHasher hasher = key.MakeHasher();
        return BlockSums.OfZeros(lengthBytes, hasher);
    }

    private static IEnumerable<(long Start, long End)> Differences(BlockSums before, BlockSums now)
    {
        for (long block = 0; block < now.Count; block++)
        {
            if (!now.IsSame(block, before))
                yield return (block * Limits.BlockBytes, block * Limits.BlockBytes + now.BytesOf(block));
        }
    }
}

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

/// <summary>
/// Makes a fetched content of parts: of a copy of the container of an older version, or of zeros, and the extents that are downloaded. Not safe for
/// concurrent use.
/// </summary>
/// <param name="sums">Null: they aren't wanted, or can't be known. Belongs to the caller.</param>
/// <param name="mayBeOpen">The older version's container may be open for writing, as long as nobody wrote.</param>
internal sealed class PartsFill(IDiskFile file, ContentParts parts, Container? @base, ArrivingSums? sums, bool mayBeOpen = false)
{
    private byte[] _before = [];
    private readonly ExtentCursor _cursor = new(parts.Extents);
    private PartsChecksum _checksum = null!;

    public bool IsComplete => _cursor.IsAtEnd;

    /// <summary>Of the whole content.</summary>
    public uint WholeCrc32C => _checksum.Value;

    /// <summary>Can what the server said be used?</summary>
    public static bool IsUsable(ContentParts parts, FetchStatus status, Container? cached, bool mayBeOpen = false) =>
        parts.LengthBytes == status.LengthBytes && Extents.AreValid(parts.Extents, parts.LengthBytes)
        && (parts.Base == DataVersion.None
            || cached is { NeedsVerify: false } && IsAsFetched(cached, mayBeOpen) && cached.BaseVersion == parts.Base && cached.Baseline.LengthBytes <= parts.LengthBytes);

    /// <summary>Its content is that of its base version.</summary>
    private static bool IsAsFetched(Container container, bool mayBeOpen) =>
        container is { Phase: ContainerPhase.Clean, HasWriters: false } || mayBeOpen && container is { IsPinned: true } && container.Look() == Sameness.Same;

    /// <summary>May take as long as copying the file. False: the older version is gone, or isn't what it was.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public bool Prepare()
    {
        file.SetLength(parts.LengthBytes);
        if (@base is null)
        {
            _checksum = new PartsChecksum(0, 0, parts.LengthBytes);
            return true;
        }
        // The checksum of the whole is computed from that of the base, not from what is copied: so the base must be what it is taken for all the while.
        int writesBegun = @base.WritesBegun;
        IDiskFile source = @base.File;
        using BorrowedHandle held = BorrowedHandle.Of(source);
        foreach ((long start, long end) in DataRuns.Of(source))
            file.CopyFrom(source, start, Math.Min(end, parts.LengthBytes) - start);
        _checksum = new PartsChecksum(@base.Crc32C, @base.Baseline.LengthBytes, parts.LengthBytes);
        bool isAsFetched = mayBeOpen ? @base.Look() == Sameness.Same : @base.Phase == ContainerPhase.Clean && @base.WritesBegun == writesBegun && @base.Look() != Sameness.Changed;
        return isAsFetched && @base.BaseVersion == parts.Base;
    }

    /// <summary>In order.</summary>
    /// <exception cref="InvalidDataException">It isn't what was asked for.</exception>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (offset != _cursor.Passed)
            throw new InvalidDataException($"Content came at {offset} where {_cursor.Passed} was expected.");
        while (!data.IsEmpty)
        {
            if (_cursor.IsAtEnd)
                throw new InvalidDataException("More came than was asked for.");
            ReadOnlySpan<byte> piece = data[..(int)Math.Min(data.Length, _cursor.Left)];
            _checksum.Replace(_cursor.Offset, piece.Length, Before(_cursor.Offset, piece.Length), Crc32C.Of(piece));
            sums?.Add(_cursor.Offset, piece);
            file.Write(_cursor.Offset, piece);
            _cursor.Advance(piece.Length);
            data = data[piece.Length..];
        }
    }

    private uint Before(long offset, int count)
    {
        if (@base is null)
            return Crc32C.OfZeros(count);
        if (_before.Length < count)
            _before = new byte[count];
        if (file.Read(offset, _before.AsSpan(0, count)) != count)
            throw new InvalidDataException("The copy of the older version is too short.");
        return Crc32C.Of(_before.AsSpan(0, count));
    }
}
