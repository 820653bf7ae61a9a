using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>The running FUSE session: what was agreed with the kernel, and the way to notify it.</summary>
internal sealed class KernelSession(FuseConnectionInfo connection, IFuseNotifier notifier, VfsOptions options)
{
    public IFuseNotifier Notifier { get; } = notifier;

    /// <summary>Null where READ and WRITE are served by the daemon.</summary>
    public BackingFiles? Backings { get; } = connection.Passthrough ? new BackingFiles(notifier, options) : null;

    /// <summary>
    /// All names can be taken back at once without waiting. Where the kernel can't (before 6.16), no name is given for longer
    /// than its one use.
    /// </summary>
    public bool HasEpoch { get; } = connection.HasEpoch;
}
