using Afs.Rpc;

namespace Afs.Wire;

/// <summary>A piece of a content. It begins at a multiple of <see cref="Limits.BlockBytes"/> and ends at one, or with the content.</summary>
[WireMessage]
public sealed partial record Extent
{
    [Key(0)] public required long OffsetBytes { get; init; }
    [Key(1)] public required long LengthBytes { get; init; }

    public long EndBytes => OffsetBytes + LengthBytes;
}

/// <summary>Lists of extents: what they must be, and how to make them short.</summary>
public static class Extents
{
    /// <summary>Aligned, ascending, apart, not empty, and within the length.</summary>
    public static bool AreValid(IReadOnlyList<Extent> extents, long lengthBytes)
    {
        if (lengthBytes < 0)
            return false;
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

/// <summary>Where in a content the next byte of a stream belongs that carries its extents one after the other.</summary>
public sealed class ExtentCursor(IReadOnlyList<Extent> extents)
{
    private int _extent;
    private long _within;

    /// <summary>Bytes of the stream so far.</summary>
    public long Passed { get; private set; }

    public bool IsAtEnd => _extent == extents.Count;

    /// <summary>In the content. Not at the end.</summary>
    public long Offset => extents[_extent].OffsetBytes + _within;

    /// <summary>Bytes of the extent that are still to come. Not at the end.</summary>
    public long Left => extents[_extent].LengthBytes - _within;

    /// <summary>By at most <see cref="Left"/>.</summary>
    public void Advance(long countBytes)
    {
        if (countBytes < 0 || countBytes > Left)
            throw new ArgumentOutOfRangeException(nameof(countBytes));
        Passed += countBytes;
        _within += countBytes;
        if (Left == 0)
            (_extent, _within) = (_extent + 1, 0);
    }
}

/// <summary>
/// A content said by what of it differs from a base: the extents have bytes of their own, all else is as in an older version of the same file,
/// and zeros behind the end of that.
/// </summary>
[WireMessage]
public sealed partial record ContentParts
{
    /// <summary>Of the whole content; not shorter than the base.</summary>
    [Key(0)] public required long LengthBytes { get; init; }

    /// <summary>The older version. <see cref="DataVersion.None"/>: zeros.</summary>
    [Key(1)] public required DataVersion Base { get; init; }

    /// <summary>Ascending and apart.</summary>
    [Key(2), Limit(Limits.ExtentsPerContent)] public required IReadOnlyList<Extent> Extents { get; init; }

    /// <summary>The bytes of all extents together: what travels.</summary>
    public long TransferBytes => Extents.Sum(static e => e.LengthBytes);
}

/// <summary>Asks for a regular file's content, as a whole.</summary>
[WireMessage]
public sealed partial record FetchDataRequest
{
    [Key(0)] public required Fid Fid { get; init; }

    /// <summary>The caller has this version's content; if it is still current only the status comes.</summary>
    [Key(1)] public DataVersion Have { get; init; }
}

[WireMessage]
public sealed partial record FetchDataReply
{
    /// <summary>Promised. The content belongs to its DataVersion, LengthBytes and ContentCrc32C.</summary>
    [Key(0)] public required FetchStatus Status { get; init; }

    /// <summary>The whole content, where it is at most <see cref="Limits.InlineContentBytes"/>; null where the caller has it, or must download it.</summary>
    [Key(1), Limit(Limits.InlineContentBytes)] public byte[]? Content { get; init; }

    /// <summary>The caller's version is current.</summary>
    [Key(2)] public bool IsUnchanged { get; init; }

    /// <summary>What is to be downloaded, where less than the whole content is: it differs only so from the caller's version, or from zeros.</summary>
    [Key(3)] public ContentParts? Parts { get; init; }
}

/// <summary>A bulk download: content of one version, from an offset, or in extents one after the other. Abort VersionGone: the file has a newer one.</summary>
[WireMessage]
public sealed partial record DownloadRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required DataVersion DataVersion { get; init; }
    [Key(2)] public required long OffsetBytes { get; init; }
    [Key(3)] public required long LengthBytes { get; init; }

    /// <summary>If there are any, they count instead of the offset and the length.</summary>
    [Key(4), Limit(Limits.ExtentsPerContent)] public IReadOnlyList<Extent> Extents { get; init; } = [];
}

/// <summary>Asks for all xattrs of a vnode.</summary>
[WireMessage]
public sealed partial record FetchXattrsRequest
{
    [Key(0)] public required Fid Fid { get; init; }
}

/// <summary>They belong to the status that comes with them, which is promised.</summary>
[WireMessage]
public sealed partial record FetchXattrsReply
{
    [Key(0)] public required FetchStatus Status { get; init; }
    [Key(1), Limit(Limits.XattrsPerVnode)] public required IReadOnlyList<Xattr> Xattrs { get; init; }
}

[WireMessage]
public sealed partial record Xattr
{
    /// <summary>With its namespace, e.g. user.mime_type.</summary>
    [Key(0), Limit(Limits.XattrNameBytes)] public required byte[] Name { get; init; }
    [Key(1), Limit(Limits.XattrValueBytes)] public required byte[] Value { get; init; }
}

/// <summary>
/// A bulk upload of a content; a StoreData then makes it a file's. Forgotten after some minutes if none comes. It is the whole content, or the bytes of
/// its parts, one extent after the other. Abort VersionGone: the parts' base isn't the file's current version.
/// </summary>
[WireMessage]
public sealed partial record UploadRequest
{
    [Key(0)] public required UploadId Upload { get; init; }

    /// <summary>The volume it will belong to.</summary>
    [Key(1)] public required VolumeId Volume { get; init; }

    /// <summary>The file of the parts' base; only with those.</summary>
    [Key(2)] public Fid Fid { get; init; }

    /// <summary>Null: the whole content comes.</summary>
    [Key(3)] public ContentParts? Parts { get; init; }
}

/// <summary>The content is on stable storage.</summary>
[WireMessage]
public sealed partial record UploadReply
{
    [Key(0)] public required UploadId Upload { get; init; }
    /// <summary>Of the whole content.</summary>
    [Key(1)] public required long LengthBytes { get; init; }

    /// <summary>CRC32C of the whole content: of the bytes that the server got and, of parts, that of the base.</summary>
    [Key(2)] public required uint Crc32C { get; init; }
}
