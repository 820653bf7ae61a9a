using Afs.Rpc;

namespace Afs.Wire;

/// <summary>All that is known of a vnode but its content, as of one <see cref="StatusVersion"/> (AFS: AFSFetchStatus).</summary>
[WireMessage]
public sealed partial record FetchStatus
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required FileType Type { get; init; }

    /// <summary>Permission, set-id and sticky bits: 07777.</summary>
    [Key(2)] public required uint Mode { get; init; }
    [Key(3)] public required uint Uid { get; init; }
    [Key(4)] public required uint Gid { get; init; }

    /// <summary>Regular file: its length. Symlink: its target's. Directory: an estimate that grows with its entries.</summary>
    [Key(5)] public required long LengthBytes { get; init; }

    /// <summary>What the content occupies on the writer's disk; less than the length for a sparse file.</summary>
    [Key(6)] public required long AllocatedBytes { get; init; }

    /// <summary>Names of a file; for a directory 2 and its subdirectories. Zero: no name, held by an open O_TMPFILE.</summary>
    [Key(7)] public required uint LinkCount { get; init; }
    [Key(8)] public required DataVersion DataVersion { get; init; }
    [Key(9)] public required StatusVersion StatusVersion { get; init; }
    [Key(10)] public required Timestamp AccessTime { get; init; }
    [Key(11)] public required Timestamp ModifyTime { get; init; }
    [Key(12)] public required Timestamp ChangeTime { get; init; }

    /// <summary>A directory's parent, which is itself for the root; default for all else.</summary>
    [Key(13)] public Fid Parent { get; init; }

    /// <summary>Device files: the kernel's 32-bit device number.</summary>
    [Key(14)] public uint DeviceNumber { get; init; }

    /// <summary>Regular file: CRC32C (Castagnoli) of the content. Zero for an empty one.</summary>
    [Key(15)] public uint ContentCrc32C { get; init; }

    /// <summary>Symlink: its target; else null.</summary>
    [Key(16), Limit(Limits.SymlinkTargetBytes)] public byte[]? SymlinkTarget { get; init; }

    /// <summary>Some xattr is set. False saves the call.</summary>
    [Key(17)] public bool HasXattrs { get; init; }

    /// <summary>Which of the xattrs are access lists. None saves the call.</summary>
    [Key(18)] public AccessLists Lists { get; init; }

    /// <summary>The StatusVersion with which the xattrs last changed: they are known as long as it is the same. Default: not known, or there are none.</summary>
    [Key(19)] public StatusVersion XattrsVersion { get; init; }
}

/// <summary>What a vnode is.</summary>
public enum FileType : byte
{
    None = 0,
    Regular = 1,
    Directory = 2,
    Symlink = 3,
    Fifo = 4,
    Socket = 5,
    CharacterDevice = 6,
    BlockDevice = 7,
}

/// <summary>A file time: seconds since 1970, which may be negative, and nanoseconds from 0 to 999,999,999.</summary>
[WireMessage]
public readonly partial record struct Timestamp(
    [property: Key(0)] long Seconds,
    [property: Key(1)] uint Nanoseconds) : IComparable<Timestamp>
{
    public int CompareTo(Timestamp other) =>
        Seconds != other.Seconds ? Seconds.CompareTo(other.Seconds) : Nanoseconds.CompareTo(other.Nanoseconds);
}

/// <summary>Asks for the statuses of many fids. Each that is answered with a status is promised.</summary>
[WireMessage]
public sealed partial record FetchStatusRequest
{
    [Key(0), Limit(Limits.StatusesPerCall)] public required IReadOnlyList<Fid> Fids { get; init; }
}

/// <summary>
/// In the order asked, from the first: at least one, and as many as fit a reply. The others are asked for again. Null where the vnode is gone.
/// </summary>
[WireMessage]
public sealed partial record FetchStatusReply
{
    [Key(0), Limit(Limits.StatusesPerCall)] public required IReadOnlyList<FetchStatus?> Statuses { get; init; }

    /// <summary>As of before the statuses were read.</summary>
    [Key(1)] public required VolumeVersion VolumeVersion { get; init; }
}

/// <summary>One cached status, to be validated.</summary>
[WireMessage]
public readonly partial record struct CachedVersion(
    [property: Key(0)] VnodeNumber Vnode,
    [property: Key(1)] Uniquifier Uniquifier,
    [property: Key(2)] StatusVersion StatusVersion);

/// <summary>
/// Which of these are still as cached? All of one volume. (AFS: BulkStatus; Coda: ValidateAttrs.) Key 1 was a volume version by which all would have held at
/// once: no number can stand for entries that the server was not told of.
/// </summary>
[WireMessage]
public sealed partial record ValidateRequest
{
    [Key(0)] public required VolumeId Volume { get; init; }
    [Key(2), Limit(Limits.ValidationsPerCall)] public required IReadOnlyList<CachedVersion> Entries { get; init; }
}

/// <summary>Those that hold are promised again.</summary>
[WireMessage]
public sealed partial record ValidateReply
{
    /// <summary>One bit per entry, the lowest of the first byte first; set: it holds.</summary>
    [Key(0), Limit((Limits.ValidationsPerCall + 7) / 8)] public required byte[] Valid { get; init; }
    [Key(1)] public required VolumeVersion VolumeVersion { get; init; }
}
