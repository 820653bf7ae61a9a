using Afs.Rpc;

namespace Afs.Wire;

/// <summary>
/// Makes a new object of any type under a name that must be free (else NameExists).
/// In a directory with the set-group-id bit it gets the directory's group, and a directory gets the bit too.
/// In a directory with a default access list it begins with that list instead of the umask (acl(5)), and a directory gets the default list too.
/// </summary>
[WireMessage]
public sealed partial record CreateRequest
{
    /// <summary>Where; for an object without a name (O_TMPFILE) any directory of the volume.</summary>
    [Key(0)] public required Fid Parent { get; init; }

    /// <summary>Null: no name yet. A regular file with link count zero, which goes when its client releases it or is gone for long.</summary>
    [Key(1), Limit(Limits.NameBytes)] public byte[]? Name { get; init; }
    [Key(2)] public required FileType Type { get; init; }

    /// <summary>07777, as the caller asked.</summary>
    [Key(3)] public required uint Mode { get; init; }
    [Key(4)] public required uint Uid { get; init; }
    [Key(5)] public required uint Gid { get; init; }
    [Key(6)] public uint DeviceNumber { get; init; }
    [Key(7), Limit(Limits.SymlinkTargetBytes)] public byte[]? SymlinkTarget { get; init; }

    /// <summary>The caller's clock: the times of the new object and of its directory.</summary>
    [Key(8)] public required Timestamp Time { get; init; }

    /// <summary>Bits that the mode loses where no default access list is in force.</summary>
    [Key(9)] public uint Umask { get; init; }

    /// <summary>
    /// The fid that the new object gets, of a block that this client leased (<see cref="LeaseVnodesRequest"/>); its numbers are used in rising order, each once. Abort
    /// FidNotLeased: it isn't such. Default: the server gives one.
    /// </summary>
    [Key(10)] public Fid Given { get; init; }
}

[WireMessage]
public sealed partial record CreateReply
{
    /// <summary>Promised. A regular file is empty, at DataVersion 1.</summary>
    [Key(0)] public required FetchStatus Status { get; init; }

    /// <summary>After the change; null for an object without a name. The promise on it, if the caller held one, stays.</summary>
    [Key(1)] public FetchStatus? Parent { get; init; }

    /// <summary>The xattrs that it began with: its access lists, and <see cref="WellKnownXattrs.Synchronous"/>.</summary>
    [Key(2), Limit(3)] public IReadOnlyList<Xattr> Xattrs { get; init; } = [];
}

/// <summary>Gives a file, not a directory, one more name anywhere in its volume; also the first one of an object without a name.</summary>
[WireMessage]
public sealed partial record LinkRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required Fid Parent { get; init; }
    [Key(2), Limit(Limits.NameBytes)] public required byte[] Name { get; init; }
    [Key(3)] public required Timestamp Time { get; init; }
}

[WireMessage]
public sealed partial record LinkReply
{
    [Key(0)] public required FetchStatus Status { get; init; }
    [Key(1)] public required FetchStatus Parent { get; init; }
}

/// <summary>The client no longer needs an object without a name: it goes, unless it was linked meanwhile.</summary>
[WireMessage]
public sealed partial record ReleaseUnnamedRequest
{
    [Key(0)] public required Fid Fid { get; init; }
}

[WireMessage]
public sealed partial record ReleaseUnnamedReply
{
}

/// <summary>Removes a name: unlink or, with <see cref="IsDirectory"/>, rmdir.</summary>
[WireMessage]
public sealed partial record RemoveRequest
{
    [Key(0)] public required Fid Parent { get; init; }
    [Key(1), Limit(Limits.NameBytes)] public required byte[] Name { get; init; }
    [Key(2)] public required bool IsDirectory { get; init; }
    [Key(3)] public required Timestamp Time { get; init; }

    /// <summary>What the caller believes the name stands for; not default: NameChanged if it is another.</summary>
    [Key(4)] public Fid Expected { get; init; }
}

[WireMessage]
public sealed partial record RemoveReply
{
    [Key(0)] public required FetchStatus Parent { get; init; }

    /// <summary>What the name stood for.</summary>
    [Key(1)] public required Fid Removed { get; init; }

    /// <summary>Its status where other names are left; null where it is gone.</summary>
    [Key(2)] public FetchStatus? Remaining { get; init; }
}

/// <summary>How a rename treats the new name (RENAME_NOREPLACE, RENAME_EXCHANGE of rename(2)).</summary>
public enum RenameMode : byte
{
    Replace = 0,
    NoReplace = 1,
    Exchange = 2,
}

/// <summary>Moves a name, atomically, by the rules of rename(2).</summary>
[WireMessage]
public sealed partial record RenameRequest
{
    [Key(0)] public required Fid FromParent { get; init; }
    [Key(1), Limit(Limits.NameBytes)] public required byte[] FromName { get; init; }
    [Key(2)] public required Fid ToParent { get; init; }
    [Key(3), Limit(Limits.NameBytes)] public required byte[] ToName { get; init; }
    [Key(4)] public required RenameMode Mode { get; init; }
    [Key(5)] public required Timestamp Time { get; init; }
}

[WireMessage]
public sealed partial record RenameReply
{
    [Key(0)] public required FetchStatus FromParent { get; init; }
    [Key(1)] public required FetchStatus ToParent { get; init; }

    /// <summary>What was moved.</summary>
    [Key(2)] public required FetchStatus Moved { get; init; }

    /// <summary>Exchange: what was moved the other way. Replace: what lost the new name and has others left. Else null.</summary>
    [Key(3)] public FetchStatus? Other { get; init; }

    /// <summary>Replace: the fid that lost the new name; default where the name was free.</summary>
    [Key(4)] public Fid Replaced { get; init; }
}

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

    // Key 9 is retired: whether to clear set-id bits. Who writes without the right to keep them clears them by a StoreStatus.

    /// <summary>
    /// Not null: <see cref="Content"/> is the bytes of these extents, one after the other, at most <see cref="Limits.InlinePartsBytes"/>. Abort VersionGone: their
    /// base isn't the file's current version.
    /// </summary>
    [Key(10)] public ContentParts? Parts { get; init; }

    /// <summary>What was written under a lock: the fence with which it was granted. Abort LockLost: the session has lost its locks since. Zero: it was written under none.</summary>
    [Key(11)] public LockFence Fence { get; init; }
}

[WireMessage]
public sealed partial record StoreDataReply
{
    /// <summary>Promised, to the writer too. Its DataVersion is the base plus one unless another's store came between.</summary>
    [Key(0)] public required FetchStatus Status { get; init; }

    /// <summary>The store replaced a version that the writer had not seen.</summary>
    [Key(1)] public required bool ReplacedUnseen { get; init; }
}

/// <summary>Which fields a StoreStatus sets.</summary>
[Flags]
public enum StatusFields : uint
{
    None = 0,
    Mode = 1,
    Uid = 2,
    Gid = 4,
    AccessTime = 8,
    ModifyTime = 16,

    /// <summary>Clear set-user-id, and set-group-id where the group may execute.</summary>
    KillSetId = 32,
}

/// <summary>Changes mode, owner, group or times. ChangeTime is set always. A mode changes the access list with it, if there is one.</summary>
[WireMessage]
public sealed partial record StoreStatusRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required StatusFields Fields { get; init; }
    [Key(2)] public uint Mode { get; init; }
    [Key(3)] public uint Uid { get; init; }
    [Key(4)] public uint Gid { get; init; }
    [Key(5)] public Timestamp AccessTime { get; init; }
    [Key(6)] public Timestamp ModifyTime { get; init; }
    [Key(7)] public required Timestamp ChangeTime { get; init; }
}

[WireMessage]
public sealed partial record StoreStatusReply
{
    [Key(0)] public required FetchStatus Status { get; init; }
}

/// <summary>How a set treats an xattr that is there or isn't (XATTR_CREATE, XATTR_REPLACE of setxattr(2)).</summary>
public enum XattrMode : byte
{
    CreateOrReplace = 0,
    Create = 1,
    Replace = 2,
}

/// <summary>
/// Sets or removes one xattr. An access list (<see cref="AccessList"/>) sets the mode's permission bits too, and one that says no more than they do isn't kept.
/// </summary>
[WireMessage]
public sealed partial record StoreXattrRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1), Limit(Limits.XattrNameBytes)] public required byte[] Name { get; init; }

    /// <summary>Null removes it.</summary>
    [Key(2), Limit(Limits.XattrValueBytes)] public byte[]? Value { get; init; }
    [Key(3)] public XattrMode Mode { get; init; }
    [Key(4)] public required Timestamp ChangeTime { get; init; }

    /// <summary>The access list is set by somebody who may not keep the set-group-id bit.</summary>
    [Key(5)] public bool KillSetGroupId { get; init; }
}

[WireMessage]
public sealed partial record StoreXattrReply
{
    [Key(0)] public required FetchStatus Status { get; init; }
}
