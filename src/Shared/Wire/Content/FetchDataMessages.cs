using Afs.Rpc;

namespace Afs.Wire;

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
