using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>Where the running session is found. It is set once, by INIT, before the kernel's first operation.</summary>
internal sealed class KernelLink(VfsOptions options)
{
    private volatile KernelSession? _session;

    /// <summary>Before INIT there is none; asking then is a broken invariant.</summary>
    public KernelSession Session => _session ?? throw new InvalidOperationException("No session has started.");

    public bool HasStarted => _session is not null;

    /// <summary>How long the kernel may believe a name whose directory is promised. Nothing where it can't take names back without waiting.</summary>
    public TimeSpan EntryTimeout => Session.HasEpoch ? options.PromisedTimeout : TimeSpan.Zero;

    public void Start(FuseConnectionInfo connection, IFuseNotifier notifier) => _session = new KernelSession(connection, notifier, options);
}
