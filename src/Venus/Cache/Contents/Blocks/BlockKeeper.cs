using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>
/// Sees to it that the sums of a large container's version are known before it is written. After a store they are; a fetch leaves them
/// out, since most files are only read.
/// </summary>
internal sealed class BlockKeeper(BlockScanner scanner, IBlockingWork work)
{
    /// <summary>Costs one reading of the file, where they aren't known. The caller keeps it pinned. A file that can't be read now shows that when it is used.</summary>
    public async ValueTask PrepareAsync(Container container)
    {
        long lengthBytes = container.Baseline.LengthBytes;
        if (container.Blocks is not null || container.IsLocal || lengthBytes < StorePlanner.LeastBytes || !BlockSums.CanHold(lengthBytes))
            return;
        int writesBegun = container.WritesBegun;
        BlockSums? sums = await work.RunAsync(() => Scan(container, lengthBytes));
        if (sums is not null && sums.WholeCrc32C() == container.Crc32C)
            container.AdoptBlocks(sums, writesBegun);
    }

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
