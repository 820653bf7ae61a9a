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

    public bool ReadOnly { get; init; }
    public bool NoSetId { get; init; }
    public bool NoDevices { get; init; }
    public bool NoExec { get; init; }

    /// <summary>Ask for passthrough; what was agreed is in <see cref="FuseConnectionInfo.Passthrough"/>.</summary>
    public bool Passthrough { get; init; }

    /// <summary>
    /// How deep backing files may be stacked: 1 or 2. With 1 a backing file on overlayfs gives ELOOP; with 2 this mount can't
    /// itself be a layer of an overlayfs.
    /// </summary>
    public int PassthroughStackDepth { get; init; } = 1;

    /// <summary>Ask the kernel to send fcntl and flock locks here, instead of keeping them itself.</summary>
    public bool RemoteLocks { get; init; }

    /// <summary>Blocking reader threads on the descriptor: 1 to 16.</summary>
    public int ReaderThreads { get; init; } = 4;

    /// <summary>Largest READ and WRITE, in bytes: a multiple of 4096, at most 1 MiB.</summary>
    public int MaxWriteBytes { get; init; } = 1 << 20;

    /// <summary>
    /// How far the kernel reads ahead of a reader in order, in bytes: a multiple of 4096, at most 1 MiB; 0: its own 128 KiB. A longer one makes fewer and longer READs.
    /// Where this process may not write to /sys/class/bdi (it isn't root, or is in a container), the kernel's own stays.
    /// </summary>
    public int ReadAheadBytes { get; init; }

    /// <summary>Requests that may wait in tasks at one time; readers stop reading beyond it.</summary>
    public int MaxPendingRequests { get; init; } = 4096;

    /// <summary>How soon a reader thread that rests looks whether the only one that reads got stuck; without end: never.</summary>
    internal TimeSpan LongestRest { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Mount through fusermount3 even as root.</summary>
    public bool ForceFusermount { get; init; }

    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(Source);
        ArgumentException.ThrowIfNullOrEmpty(SubType);
        ArgumentOutOfRangeException.ThrowIfLessThan(ReaderThreads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ReaderThreads, 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxWriteBytes, 4096);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxWriteBytes, 1 << 20);
        ArgumentOutOfRangeException.ThrowIfNotEqual(MaxWriteBytes % 4096, 0);
        ArgumentOutOfRangeException.ThrowIfNegative(ReadAheadBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ReadAheadBytes, 1 << 20);
        ArgumentOutOfRangeException.ThrowIfNotEqual(ReadAheadBytes % 4096, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxPendingRequests, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PassthroughStackDepth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(PassthroughStackDepth, 2);
    }
}
