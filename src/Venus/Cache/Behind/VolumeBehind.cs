using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A volume's caches, as <see cref="WriteBehind"/> uses them.</summary>
internal sealed class VolumeBehind(VolumeStatuses known, XattrCache xattrs, ContainerTable containers, RecoveredFolder recovered, KernelNotices kernel, Func<CallMark> mark)
    : ICachesBehind
{
    public LookupAnswer TryLookup(FetchStatus directory, byte[] name, out Fid child, out FileType type)
    {
        if (known.Statuses.TryGet(directory.Fid, out FetchStatus cached) && cached.DataVersion == directory.DataVersion)
            return known.Directories.TryLookup(directory.Fid, name, out child, out type);
        (child, type) = (default, FileType.None);
        return LookupAnswer.Unknown;
    }

    public bool? HasEntries(FetchStatus directory) =>
        known.Directories.TryGetListing(directory.Fid, out DirectoryListing listing) && listing.Version == directory.DataVersion ? listing.Names.Count > 0 : null;

    public IReadOnlyList<Xattr>? Xattrs(FetchStatus vnode) => xattrs.TryGet(vnode, out IReadOnlyList<Xattr> found) ? found : null;

    public CallMark Mark() => mark();

    public void Grant(FetchStatus status, CallMark mark) => known.Statuses.Grant(status, mark);

    public void Disown(IReadOnlyCollection<Fid> fids)
    {
        foreach (Fid fid in fids)
        {
            known.Statuses.Disown(fid);
            known.Directories.Remove(fid);
            kernel.InvalidateLater(fid);
            if (!containers.TryPeek(fid, out Container? container))
                continue;
            // Else it would go for what the server's next version of that number is, as soon as nobody writes to it.
            container.Disown();
            if (!container.IsLocal && container.Phase == ContainerPhase.Clean)
                containers.Drop(container, ContainerFate.Superseded);
        }
    }

    public string Park(Fid fid, byte[] content, string reason) => recovered.Park(fid, content, reason);
}

/// <summary>What the server calls, where this client may hold write tokens.</summary>
internal sealed class RecalledCallbacks(IVenusCallbacks next, WriteBehind behind) : IVenusCallbacks
{
    public ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
    {
        if (request.Recalls.Count > 0)
            behind.Recall(request.Recalls);
        return next.BreakPromisesAsync(request, context);
    }
}
