namespace Afs.Wire;

/// <summary>Lists of extents: what they must be, and how to make them short.</summary>
public static class Extents
{
    /// <summary>Aligned, ascending, apart, not empty, and within the length.</summary>
    public static bool AreValid(IReadOnlyList<Extent> extents, long lengthBytes)
    {
        long end = 0;
        for (int i = 0; i < extents.Count; i++)
        {
            Extent extent = extents[i];
            if (extent.OffsetBytes < end || extent.LengthBytes <= 0 || extent.LengthBytes > lengthBytes - extent.OffsetBytes)
                return false;
            end = extent.EndBytes;
            if (extent.OffsetBytes % Limits.BlockBytes != 0 || end % Limits.BlockBytes != 0 && end != lengthBytes)
                return false;
        }
        return true;
    }

    /// <summary>
    /// The blocks that these ascending ranges touch, as extents; at most <see cref="Limits.ExtentsPerContent"/>: where there are more, those with the smallest
    /// gaps become one.
    /// </summary>
    public static IReadOnlyList<Extent> Cover(IEnumerable<(long Start, long End)> ranges, long lengthBytes)
    {
        List<(long Start, long End)> blocks = [];
        foreach ((long start, long end) in ranges)
            Append(blocks, start / Limits.BlockBytes, (end + Limits.BlockBytes - 1) / Limits.BlockBytes, gap: 0);
        for (long gap = 1; blocks.Count > Limits.ExtentsPerContent; gap *= 2)
        {
            List<(long Start, long End)> fewer = [];
            foreach ((long start, long end) in blocks)
                Append(fewer, start, end, gap);
            blocks = fewer;
        }
        return [.. blocks.Select(b => ToExtent(b.Start, b.End, lengthBytes))];
    }

    private static void Append(List<(long Start, long End)> blocks, long start, long end, long gap)
    {
        if (blocks.Count > 0 && start - blocks[^1].End <= gap)
            blocks[^1] = (blocks[^1].Start, Math.Max(end, blocks[^1].End));
        else
            blocks.Add((start, end));
    }

    private static Extent ToExtent(long firstBlock, long endBlock, long lengthBytes)
    {
        long offset = firstBlock * Limits.BlockBytes;
        return new Extent { OffsetBytes = offset, LengthBytes = Math.Min(endBlock * Limits.BlockBytes, lengthBytes) - offset };
    }
}
