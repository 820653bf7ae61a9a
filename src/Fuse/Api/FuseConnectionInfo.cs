namespace Afs.Fuse;

/// <summary>What INIT agreed on. Whoever takes over a mount has to know it, for the kernel tells it only once.</summary>
public sealed record FuseConnectionInfo
{
    public required uint Major { get; init; }
    public required uint Minor { get; init; }

    /// <summary>The FUSE_* flags in force, both words of 32 bits.</summary>
    public required ulong Flags { get; init; }

    public required int MaxWriteBytes { get; init; }
    /// <summary>The kernel lets this process register backing files: it was asked, it can, and the process has CAP_SYS_ADMIN.</summary>
    public required bool Passthrough { get; init; }

    /// <summary>The kernel can be told to look up every name again (<see cref="IFuseNotifier.IncrementEpoch"/>).</summary>
    public required bool HasEpoch { get; init; }
    /// <summary>The kernel can be told to send again what has no reply (<see cref="IFuseNotifier.Resend"/>).</summary>
    public required bool HasResend { get; init; }
}
