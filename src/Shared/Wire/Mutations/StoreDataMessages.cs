using Afs.Rpc;

namespace Afs.Wire;

/// <summary>
/// Makes a new version of a regular file's content. Last closer wins: it is taken whatever the current version is, and one that
/// the writer had not seen is counted, logged with both writers and kept for a while.
/// </summary>
[WireMessage]
public sealed partial record StoreDataRequest
{
    [Key(0)] public required Fid Fid { get; init; }

    /// <summary>The version that the writer's changes started from.</summary>
    [Key(1)] public required DataVersion Base { get; init; }
    [Key(2)] public required long LengthBytes { get; init; }
    [Key(3)] public required uint Crc32C { get; init; }

    /// <summary>
    /// The content itself, where it is at most <see cref="Limits.InlineContentBytes"/>, or the bytes of its <see cref="Parts"/>; else null, and
    /// <see cref="Upload"/> names it.
    /// </summary>
    [Key(4), Limit(Limits.InlinePartsBytes)] public byte[]? Content { get; init; }

    /// <summary>An upload that came before; with <see cref="Parts"/>, an id of no other upload: the server may make one of them.</summary>
    [Key(5)] public UploadId Upload { get; init; }

    /// <summary>What the content occupies on the writer's disk.</summary>
    [Key(6)] public required long AllocatedBytes { get; init; }
    [Key(7)] public required Timestamp ModifyTime { get; init; }
    [Key(8)] public required Timestamp ChangeTime { get; init; }

    /// <summary>Clear set-user-id, and set-group-id where the group may execute: somebody without the right to keep them wrote.</summary>
    [Key(9)] public bool KillSetId { get; init; }

    /// <summary>
    /// Not null: <see cref="Content"/> is the bytes of these extents, one after the other, at most <see cref="Limits.InlinePartsBytes"/>. Abort VersionGone: their
    /// base isn't the file's current version.
    /// </summary>
    [Key(10)] public ContentParts? Parts { get; init; }
}

[WireMessage]
public sealed partial record StoreDataReply
{
    /// <summary>Promised, to the writer too. Its DataVersion is the base plus one unless another's store came between.</summary>
    [Key(0)] public required FetchStatus Status { get; init; }

    /// <summary>The store replaced a version that the writer had not seen.</summary>
    [Key(1)] public required bool ReplacedUnseen { get; init; }
}
