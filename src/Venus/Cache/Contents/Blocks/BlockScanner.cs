using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Computes the sums of a container's blocks, on some processors at once. Holes aren't read.</summary>
internal sealed class BlockScanner(BlockHashKey key)
{
    /// <summary>What one processor takes at a time.</summary>
    private const int RunBlocks = 16;

    /// <summary>Beside the caller's thread.</summary>
    private static readonly int Helpers = Math.Min(4, Environment.ProcessorCount) - 1;

    /// <summary>May take as long as reading the file. The file may change meanwhile: then the sums are of no version.</summary>
    /// <param name="withCrc32C">False: the CRC32C of blocks is left as of zeros.</param>
    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    /// <exception cref="DiskException">It can't be read.</exception>
    public BlockSums Scan(IDiskFile file, long lengthBytes, bool withCrc32C)
    {
        BlockSums sums;
        using (IBlockHasher hasher = key.MakeHasher())
            sums = BlockSums.OfZeros(lengthBytes, hasher);
        List<(long First, long End)> runs = [.. RunsOf(Extents.Cover(DataRuns.Of(file), lengthBytes))];
        // A few blocks are not worth another processor.
        if (runs.Sum(static run => run.End - run.First) > RunBlocks)
        {
            ScanTogether(runs, file, sums, withCrc32C);
            return sums;
        }
        using var scanner = new RunScanner(key.MakeHasher(), file, sums, withCrc32C);
        foreach ((long first, long end) in runs)
            scanner.Scan(first, end);
        return sums;
    }

    /// <summary>
    /// All read in the same region of the file, each the next run that nobody has: an eighth faster than a region for each, as the runtime would deal them out.
    /// </summary>
    private void ScanTogether(List<(long First, long End)> runs, IDiskFile file, BlockSums sums, bool withCrc32C)
    {
        int next = -1;
        Task[] helpers = [.. Enumerable.Range(0, Helpers).Select(_ => Task.Run(ScanRest))];
        var mine = new Task(ScanRest);
        mine.RunSynchronously();
        try
        {
            Task.WaitAll([mine, .. helpers]);
        }
        catch (AggregateException e) when (e.InnerExceptions.All(static i => i is ShrunkException or DiskException))
        {
            throw e.InnerException!;
        }

        void ScanRest()
        {
            using var scanner = new RunScanner(key.MakeHasher(), file, sums, withCrc32C);
            for (int run; (run = Interlocked.Increment(ref next)) < runs.Count;)
                scanner.Scan(runs[run].First, runs[run].End);
        }
    }

    private static IEnumerable<(long First, long End)> RunsOf(IReadOnlyList<Extent> data)
    {
        foreach (Extent extent in data)
        {
            long end = (extent.EndBytes + Limits.BlockBytes - 1) / Limits.BlockBytes;
            for (long first = extent.OffsetBytes / Limits.BlockBytes; first < end; first += RunBlocks)
                yield return (first, Math.Min(first + RunBlocks, end));
        }
    }
}
