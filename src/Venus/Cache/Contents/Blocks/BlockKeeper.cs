using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Sees to it that the sums of a large container's version are known before it is written. Fetches and stores compute them on the way; after a restart
/// the file is read for them.
/// </summary>
internal sealed class BlockKeeper(BlockHashKey key, BlockScanner scanner, IBlockingWork work)
{
    /// <summary>For a content that will arrive whole. Null: too short or too long for sums.</summary>
    public ArrivingSums? ForWhole(long lengthBytes) => HasSums(lengthBytes) ? new(key.MakeHasher(), BlockSums.OfNothing(lengthBytes)) : null;

    /// <summary>For a content of which parts will arrive. Null: too short or too long for sums, or those of the older version aren't known.</summary>
    /// <param name="base">The container of the older version; null: zeros.</param>
    public ArrivingSums? ForParts(ContentParts parts, Container? @base)
    {
        if (!HasSums(parts.LengthBytes) || @base is { Blocks: null })
            return null;
        IBlockHasher hasher = key.MakeHasher();
        return new(hasher, @base?.Blocks!.Extended(parts.LengthBytes, hasher) ?? BlockSums.OfZeros(parts.LengthBytes, hasher));
    }

    /// <summary>Costs one reading of the file, where they aren't known. The caller keeps it pinned. A file that can't be read now shows that when it is used.</summary>
    public async ValueTask PrepareAsync(Container container)
    {
        long lengthBytes = container.Baseline.LengthBytes;
        if (container.Blocks is not null || container.IsLocal || !HasSums(lengthBytes))
            return;
        int writesBegun = container.WritesBegun;
        BlockSums? sums = await work.RunAsync(() => Scan(container, lengthBytes));
        if (sums is not null && sums.WholeCrc32C() == container.Crc32C)
            container.AdoptBlocks(sums, writesBegun);
    }

    private static bool HasSums(long lengthBytes) => lengthBytes >= StorePlanner.LeastBytes && BlockSums.CanHold(lengthBytes);

    /// <summary>Null: it is shorter than it was.</summary>
    private BlockSums? Scan(Container container, long lengthBytes)
    {
        try
        {
            return scanner.Scan(container.File, lengthBytes, withCrc32C: true);
        }
        catch (ShrunkException)
        {
            return null;
        }
    }
}
