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

    /// <summary>Ask the kernel to send fcntl and flock locks here, instead of keeping them itself.</summary>
    public bool RemoteLocks { get; init; }

    /// <summary>Blocking reader threads on the descriptor: 1 to 16.</summary>
    public int ReaderThreads { get; init; } = 4;

    /// <summary>Largest READ and WRITE, in bytes: a multiple of 4096, at most 1 MiB.</summary>
    public int MaxWriteBytes { get; init; } = 1 << 20;

    /// <summary>Requests that may wait in tasks at one time; readers stop reading beyond it.</summary>
    public int MaxPendingRequests { get; init; } = 4096;

    /// <summary>Mount through fusermount3 even as root.</summary>
    public bool ForceFusermount { get; init; }
}

/// <summary>What INIT agreed on.</summary>
public sealed record FuseConnectionInfo
{
    public required uint Major { get; init; }
    public required uint Minor { get; init; }

    /// <summary>The FUSE_* flags in force, both words of 32 bits.</summary>
    public required ulong Flags { get; init; }

    public required int MaxWriteBytes { get; init; }
    public required bool Passthrough { get; init; }
    public required bool HasEpoch { get; init; }
    public required bool HasResend { get; init; }
}
