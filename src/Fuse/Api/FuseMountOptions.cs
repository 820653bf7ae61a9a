namespace Afs.Fuse;

/// <summary>How to mount.</summary>
public sealed record FuseMountOptions
{
    /// <summary>Shown in /proc/mounts as the source.</summary>
    public required string Source { get; init; }

    /// <summary>Shown in /proc/mounts as fuse.SUBTYPE.</summary>
    public required string SubType { get; init; }

    /// <summary>Other users than the mounter may enter (allow_other). For fusermount3 it needs user_allow_other in /etc/fuse.conf.</summary>
    public bool AllowOther { get; init; }

    /// <summary>The kernel checks mode, owner and group itself. Without it, cached names and attributes leak to every uid.</summary>
    public bool DefaultPermissions { get; init; } = true;

    /// <summary>
    /// The kernel reads the xattrs system.posix_acl_access and system.posix_acl_default and checks by them (FUSE_POSIX_ACL, which implies
    /// <see cref="DefaultPermissions"/>). The filesystem keeps lists and modes in step, and gives new objects the lists that they inherit.
    /// </summary>
    public bool PosixAccessLists { get; init; }

    public bool ReadOnly { get; init; }

    /// <summary>
    /// Set-id bits and file capabilities of programs count. Without it the mount is nosuid from its first moment: the owner and the mode of a file come from a server, and must
    /// give nobody a right on this machine.
    /// </summary>
    public bool AllowSetId { get; init; }

    /// <summary>Device nodes can be opened. Without it the mount is nodev from its first moment.</summary>
    public bool AllowDevices { get; init; }

    public bool NoExec { get; init; }

    /// <summary>
    /// MS_SYNCHRONOUS: every write() counts as if the file were open with O_SYNC. A WRITE that comes here says so (<see cref="WriteTraits.Synchronous"/>). In passthrough the kernel
    /// makes it durable in the backing file by itself.
    /// </summary>
    public bool Synchronous { get; init; }

    /// <summary>Ask for passthrough. Whether it was granted is in <see cref="FuseConnectionInfo.Passthrough"/>.</summary>
    public bool Passthrough { get; init; }

    /// <summary>
    /// How deep backing files may be stacked: 1 or 2. With 1, a backing file on an overlayfs gives ELOOP. With 2, this mount can't
    /// be a layer of an overlayfs.
    /// </summary>
    public int PassthroughStackDepth { get; init; } = 1;

    /// <summary>Ask the kernel to send fcntl and flock locks here, instead of keeping them itself.</summary>
    public bool RemoteLocks { get; init; }

    /// <summary>Blocking reader threads on the descriptor: 1 to 16. More are started while these are blocked.</summary>
    public int ReaderThreads { get; init; } = 4;

    /// <summary>Largest READ and WRITE, in bytes: a multiple of 4096, at most 1 MiB.</summary>
    public int MaxWriteBytes { get; init; } = 1 << 20;

    /// <summary>
    /// How many bytes the kernel reads ahead when a file is read in order: a multiple of 4096, at most 1 MiB; 0: the kernel's own 128 KiB. A larger value makes fewer and longer
    /// READs. It has no effect where this process may not write to /sys/class/bdi (it isn't root, or is in a container).
    /// </summary>
    public int ReadAheadBytes { get; init; }

    /// <summary>How many operations may wait in tasks at one time. Requests beyond that are read, and begun later.</summary>
    public int MaxPendingRequests { get; init; } = 4096;

    /// <summary>How soon it is noticed that the only reader got stuck in a request that should have been quick. Infinite: never.</summary>
    internal TimeSpan WatchInterval { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Mount through fusermount3 even as root.</summary>
    public bool ForceFusermount { get; init; }

    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(Source);
        ArgumentException.ThrowIfNullOrEmpty(SubType);
        ArgumentOutOfRangeException.ThrowIfLessThan(ReaderThreads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ReaderThreads, 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxWriteBytes, FuseConnectionInfo.LeastMaxWriteBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxWriteBytes, FuseConnectionInfo.MostMaxWriteBytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(MaxWriteBytes % 4096, 0);
        ArgumentOutOfRangeException.ThrowIfNegative(ReadAheadBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ReadAheadBytes, 1 << 20);
        ArgumentOutOfRangeException.ThrowIfNotEqual(ReadAheadBytes % 4096, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPendingRequests, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PassthroughStackDepth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(PassthroughStackDepth, 2);
    }
}

/// <summary>What an unmount does if files of the mount are in use.</summary>
public enum UnmountMode
{
    /// <summary>Refuses with EBUSY.</summary>
    Normal,

    /// <summary>Takes the mount out of the tree at once. The session ends when the last file in use is closed.</summary>
    Detach,

    /// <summary>Ends the connection, and takes the mount away. Whoever uses a file gets ENOTCONN or ECONNABORTED.</summary>
    Abort,
}
