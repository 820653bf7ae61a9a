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
}
