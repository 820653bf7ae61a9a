using Afs.Rpc;

namespace Afs.Wire;

/// <summary>
/// Makes a new object of any type under a name that must be free (else NameExists).
/// In a directory with the set-group-id bit it gets the directory's group, and a directory gets the bit too.
/// </summary>
[WireMessage]
public sealed partial record CreateRequest
{
    /// <summary>Where; for an object without a name (O_TMPFILE) any directory of the volume.</summary>
    [Key(0)] public required Fid Parent { get; init; }

    /// <summary>Null: no name yet. A regular file with link count zero, which goes when its client releases it or is gone for long.</summary>
    [Key(1), Limit(Limits.NameBytes)] public byte[]? Name { get; init; }
    [Key(2)] public required FileType Type { get; init; }

    /// <summary>07777, umask applied.</summary>
    [Key(3)] public required uint Mode { get; init; }
    [Key(4)] public required uint Uid { get; init; }
    [Key(5)] public required uint Gid { get; init; }
    [Key(6)] public uint DeviceNumber { get; init; }
    [Key(7), Limit(Limits.SymlinkTargetBytes)] public byte[]? SymlinkTarget { get; init; }

    /// <summary>The caller's clock: the times of the new object and of its directory.</summary>
    [Key(8)] public required Timestamp Time { get; init; }
}

[WireMessage]
public sealed partial record CreateReply
{
    /// <summary>Promised. A regular file is empty, at DataVersion 1.</summary>
    [Key(0)] public required FetchStatus Status { get; init; }

    /// <summary>After the change; null for an object without a name. The promise on it, if the caller held one, stays.</summary>
    [Key(1)] public FetchStatus? Parent { get; init; }
}
