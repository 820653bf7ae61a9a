using System.Text;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A volume's caches, as <see cref="WriteBehind"/> uses them.</summary>
internal sealed class VolumeBehind(VolumeStatuses known, XattrCache xattrs, ContainerTable containers, RefusedTree recovered, KernelNotices kernel, Func<CallMark> mark)
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

    public string Park(IReadOnlyList<ParkedChange> changes) => recovered.Park(changes);
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

    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) => next.LocksDecidedAsync(request, context);
}

/// <summary>In which boot of the machine changes were last written behind. The log's end is synced later than it is written, so only a loss of power takes something of it.</summary>
internal static class LogsBoot
{
    private const string Name = "changes-boot";
    private const int MostBytes = 64;

    /// <summary>The daemon before ran in another boot, and didn't end by itself. From here on it is this boot.</summary>
    /// <exception cref="DiskException">It can't be read or written.</exception>
    public static bool IsOther(CacheStorage storage)
    {
        using IDiskFile file = storage.Disk.Open(Name, DiskOpenMode.OpenOrCreate);
        Span<byte> text = stackalloc byte[MostBytes];
        string last = Encoding.ASCII.GetString(text[..file.Read(0, text)]);
        if (last == storage.BootId)
            return false;
        file.SetLength(0);
        file.Write(0, Encoding.ASCII.GetBytes(storage.BootId));
        file.Sync();
        storage.Disk.SyncDirectory("."); // Where the name is lost, so is the knowledge that power was.
        return last.Length > 0 && !storage.WasCleanEnd;
    }
}
