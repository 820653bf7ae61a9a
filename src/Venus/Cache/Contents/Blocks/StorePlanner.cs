using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

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
