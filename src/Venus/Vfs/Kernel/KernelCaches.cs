using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// Takes back from the kernel what a promise covered.
///
/// The kernel trusts the attributes of a node as long as the promise on its fid holds, and a name as long as the promise on its directory
/// holds. So a broken directory takes all its names with it, not only those that changed: once the promise is gone, nobody tells
/// of the next change. INC_EPOCH makes the kernel look up every name of the mount again before it uses it. It never waits, unlike the invalidation of
/// a single name, which waits for the directory's lock, and so for requests that wait for the server that waits for this.
///
/// A break may find a node that the kernel doesn't know yet, since the reply that introduces it is still on its way with old attributes.
/// INC_EPOCH makes the kernel look it up again, and <see cref="LateInvalidations"/> sees to those that hold it without a name.
/// </summary>
internal sealed class KernelCaches(NodeTable nodes, KernelLink kernel, LateInvalidations late) : IKernelCaches
{
    public ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks)
    {
        if (!kernel.HasStarted)
            return ValueTask.CompletedTask;
        bool loseNames = false;
        foreach (PromiseBreak broken in breaks)
        {
            if (nodes.FindCurrent(broken.Fid) is { } node)
                loseNames |= Invalidate(node);
        }

        if (loseNames)
            kernel.Session.Notifier.IncrementEpoch();
        return ValueTask.CompletedTask;
    }

    public ValueTask InvalidateAllAsync()
    {
        if (!kernel.HasStarted)
            return ValueTask.CompletedTask;
        // Names first: what is looked up from here on comes with attributes that hold.
        kernel.Session.Notifier.IncrementEpoch();
        foreach (Node node in nodes.Snapshot())
            Invalidate(node);
        return ValueTask.CompletedTask;
    }

    /// <summary>True: names must go too.</summary>
    private bool Invalidate(Node node)
    {
        // Of a directory the cached listing goes too. Its pages are locked only while they are copied, so that doesn't wait either.
        Errno error = kernel.Session.Notifier.InvalidateNode(node.Id, node is DirectoryNode ? 0 : -1);
        if (error == Errno.ENOENT)
            late.Add(node.Id);

        // A file that is open may stay bound to its old container: its name must lead to another node.
        return error == Errno.ENOENT || node is DirectoryNode || node is FileNode { IsOpen: true };
    }
}
