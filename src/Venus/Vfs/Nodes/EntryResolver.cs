using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// Makes the reply that introduces a fid to the kernel: its node, with a lookup counted, and attributes.
/// The node is in the table before the status is read. So a break either comes before, and the status isn't promised, or finds the
/// node and takes the reply back, even one that the kernel hasn't read yet.
/// </summary>
internal sealed class EntryResolver(ICacheManager cache, NodeTable nodes, AttributeReader attributes, KernelLink kernel)
{
    /// <summary>A node may turn out to be open at an old version, and so may the next, if others store and open meanwhile.</summary>
    private const int MaxDetachments = 8;

    /// <summary>From memory alone. False: nothing counted, ask <see cref="ResolveAsync"/>.</summary>
    public bool TryResolve(Fid fid, FileType type, bool isNamePromised, out EntryReply reply)
    {
        for (int attempt = 0; attempt < MaxDetachments; attempt++)
        {
            Node node = nodes.Acquire(fid, type);
            if (!cache.Statuses.TryGet(fid, out FetchStatus status))
            {
                Forget(node);
                break;
            }

            if (!DetachIfOld(node, status))
            {
                reply = Compose(node, attributes.Compose(node, status, isPromised: true), isNamePromised);
                return true;
            }
        }

        reply = default;
        return false;
    }

    /// <summary>With the server's help where the promise on the status doesn't hold.</summary>
    public async ValueTask<FuseResult<EntryReply>> ResolveAsync(Fid fid, FileType type, bool isNamePromised, CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < MaxDetachments; attempt++)
        {
            Node node = nodes.Acquire(fid, type);
            Result<FetchStatus> fetched = await cache.Statuses.GetAsync(fid, cancellation);
            if (!fetched.IsSuccess)
            {
                Forget(node);
                return fetched.Failure.ToErrno();
            }

            bool isPromised = cache.Statuses.TryGet(fid, out FetchStatus promised);
            FetchStatus status = isPromised ? promised : fetched.Value;
            if (!DetachIfOld(node, status))
                return Compose(node, attributes.Compose(node, status, isPromised), isNamePromised);
        }

        return Errno.ESTALE;
    }

    /// <summary>A name that a promised directory doesn't have.</summary>
    public EntryReply Absent() => new() { EntryTimeout = cache.Statuses.ServesSuspect ? TimeSpan.Zero : kernel.EntryTimeout };

    /// <summary>Takes back a lookup that the kernel will not hear of.</summary>
    public void Forget(Node node) => Forget(node.Id, 1);

    /// <summary>Takes lookups back. With the last the node goes, and what the device holds for it.</summary>
    public void Forget(NodeId id, ulong lookups)
    {
        if (nodes.Forget(id, lookups) is FileNode file && kernel.Session.Backings is { } backings)
            file.CloseIdleBacking(backings);
    }

    /// <summary>True: the node is open at an old version. It keeps that for its descriptors and is no longer the fid's.</summary>
    private bool DetachIfOld(Node node, FetchStatus status)
    {
        if (node is not FileNode file || !file.IsOpen || !file.Look(status.DataVersion).IsOld)
            return false;
        nodes.Detach(file);
        Forget(file);
        return true;
    }

    private EntryReply Compose(Node node, AttributesReply reply, bool isNamePromised) => new()
    {
        Node = node.Id,
        Attributes = reply.Attributes,
        EntryTimeout = isNamePromised && !cache.Statuses.ServesSuspect ? kernel.EntryTimeout : TimeSpan.Zero,
        AttributeTimeout = reply.AttributeTimeout,
    };
}
