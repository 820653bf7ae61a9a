using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// Takes back from the kernel what a promise covered.
///
/// The kernel trusts the attributes of a node as long as the promise on its fid holds, and a name as long as the promise on its directory
/// holds. So when a directory's promise is broken, all its names are taken back, not only those that changed: without the promise nobody tells
/// of the next change. Each name is expired by itself (<see cref="KernelNames"/>). So if it still leads to the same node, what is mounted on it stays.
///
/// A break may find a node that the kernel doesn't know yet: the reply that introduces it is still on its way, with old attributes. The kernel takes that reply in under
/// the directory's lock. The expiry of the name waits for this lock, and then the node is invalidated once more. <see cref="LateInvalidations"/> does that for nodes that are
/// introduced without a name.
/// </summary>
internal sealed class KernelCaches(NodeTable nodes, KernelNames names, NameExpirer expirer, KernelLink kernel, LateInvalidations late) : IKernelCaches
{
    public ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks)
    {
        if (!kernel.HasStarted)
            return ValueTask.CompletedTask;
        List<NameExpiry>? expiries = null;
        foreach (PromiseBreak broken in breaks)
        {
            if (nodes.FindCurrent(broken.Fid) is { } node)
                Invalidate(node, ref expiries);
        }

        return Expire(expiries);
    }

    public ValueTask InvalidateAllAsync(VolumeId volume)
    {
        if (!kernel.HasStarted)
            return ValueTask.CompletedTask;
        List<NameExpiry>? expiries = null;
        foreach (Node node in nodes.Snapshot())
        {
            if (node.Fid.Volume == volume)
                Invalidate(node, ref expiries);
        }

        return Expire(expiries);
    }

    public ValueTask EarlierReleasesAsync() => kernel.EarlierReleasesAsync();

    private ValueTask Expire(List<NameExpiry>? expiries) => expiries is { Count: > 0 } ? expirer.RunAsync(expiries) : ValueTask.CompletedTask;

    private void Invalidate(Node node, ref List<NameExpiry>? expiries)
    {
        // With offset 0 a directory's cached listing is dropped too. Its pages are locked only while they are copied, so this doesn't wait for anybody.
        Errno error = kernel.Session.Notifier.InvalidateNode(node.Id, node is DirectoryNode ? 0 : -1);
        bool isUnknown = error == Errno.ENOENT;
        if (isUnknown)
            late.Add(node.Id);
        if (node is DirectoryNode directory)
            names.Break(directory, expiries ??= []);

        // A file that is open may stay bound to its old container. Then its names have to lead to another node.
        if (isUnknown || node is FileNode { IsOpen: true })
            names.BreakPlaces(node, isUnknown, expiries ??= []);
    }
}

/// <summary>Holds the running session. It is set once, before the kernel's first operation.</summary>
internal sealed class KernelLink(VfsOptions options)
{
    private volatile KernelSession? _session;

    /// <exception cref="InvalidOperationException">No session has started: a broken invariant.</exception>
    public KernelSession Session => _session ?? throw new InvalidOperationException("No session has started.");

    public bool HasStarted => _session is not null;

    /// <summary>The kernel can be told to look up a name again. If it can't, each name is given for one use only.</summary>
    public bool TakesNamesBack => Session.TakesNamesBack;

    /// <summary>How long the kernel may trust a name whose directory is promised.</summary>
    public TimeSpan EntryTimeout => TakesNamesBack ? options.PromisedTimeout : TimeSpan.Zero;

    /// <inheritdoc cref="IFuseNotifier.EarlierReleasesAsync"/>
    public ValueTask EarlierReleasesAsync() => _session?.Notifier.EarlierReleasesAsync() ?? ValueTask.CompletedTask;

    public void Start(FuseConnectionInfo connection, IFuseNotifier notifier) => _session = new KernelSession(connection, notifier, options);
}

/// <summary>The running FUSE session: what was agreed with the kernel, and the way to notify it.</summary>
internal sealed class KernelSession(FuseConnectionInfo connection, IFuseNotifier notifier, VfsOptions options)
{
    public IFuseNotifier Notifier { get; } = notifier;

    /// <summary>Null: there is no passthrough, and the daemon serves READ and WRITE.</summary>
    public BackingFiles? Backings { get; } = connection.Passthrough ? new BackingFiles(notifier, options) : null;

    /// <summary>
    /// Names can be taken back one by one; and, if one of them waits for too long, all at once and without waiting. Where the kernel can't do both (before 6.16), each name
    /// is given for one use only.
    /// </summary>
    public bool TakesNamesBack { get; } = connection.HasExpireOnly && connection.HasEpoch;
}
