using System.Text;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A volume's caches, as <see cref="WriteBehind"/> uses them.</summary>
internal sealed class VolumeBehind(VolumeStatuses known, XattrCache xattrs, ContainerTable containers, DirtyContainers dirty, RefusedTree recovered, KernelNotices kernel, Func<CallMark> mark, ServerTrust trust)
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

    public bool HasLease => trust.LeaseRuns;

    public void Grant(FetchStatus status, CallMark mark) => known.Statuses.Grant(status, mark);

    public void Disown(IReadOnlyCollection<Fid> fids)
    {
        foreach (Fid fid in fids)
        {
            known.Statuses.Disown(fid);
            known.Directories.Remove(fid);
            xattrs.Remove(fid);
            kernel.InvalidateLater(fid);
            if (!containers.TryPeek(fid, out Container? container))
                continue;
            // Else it would go for what the server's next version of that number is, as soon as nobody writes to it.
            if (container.Disown())
            {
                dirty.StoreLater(container);
                dirty.LookSoon(container);
            }
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
        if (request.Breaks.Count > 0)
            behind.Broken(request.Breaks);
        return next.BreakPromisesAsync(request, context);
    }

    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) => next.LocksDecidedAsync(request, context);
}

/// <summary>
/// Whether what is cached of a volume may be believed after the daemon before, where changes are made here first: a file that has the boot of the machine. Statuses and containers have versions of changes that
/// were logged here; where these never got to the server, or after others' changes, the server gives the same numbers to other versions. That is so after a loss of power, for the log's end is synced later than
/// it is written; and where a daemon ended, in the middle of a <see cref="Doubt"/> or after one, before all that it had put right was on its disk. An empty file says that.
/// </summary>
/// <param name="bootId">Tells one boot of the machine from another.</param>
/// <param name="wasCleanEnd">The daemon before ended by itself.</param>
internal sealed class CacheCertainty(IDisk disk, string bootId, bool wasCleanEnd, VolumeId volume)
{
    private const int MostBytes = 64;

    private readonly string _name = $"changes-{VolumeIdentity.Digits(volume)}.boot";

    /// <summary>What is cached may have versions that never were.</summary>
    /// <param name="hadLog">A daemon before wrote changes behind.</param>
    /// <exception cref="DiskException">It can't be read.</exception>
    public bool IsDoubtful(bool hadLog)
    {
        if (!disk.Exists(_name))
            return hadLog;
        using IDiskFile file = disk.Open(_name, DiskOpenMode.Read);
        Span<byte> text = stackalloc byte[MostBytes];
        string boot = Encoding.ASCII.GetString(text[..file.Read(0, text)]);
        return boot.Length == 0 || boot != bootId && !wasCleanEnd;
    }

    /// <summary>What is cached is what the server said, or is in the log.</summary>
    /// <exception cref="DiskException">It can't be written; then it is in doubt.</exception>
    public void Assure()
    {
        using IDiskFile file = disk.Open(_name, DiskOpenMode.OpenOrCreate);
        file.SetLength(0);
        file.Write(0, Encoding.ASCII.GetBytes(bootId));
        file.Sync();
        disk.SyncDirectory("."); // Where the name is lost, so is the knowledge that power was.
    }

    /// <summary>Nothing is written behind any more.</summary>
    /// <exception cref="DiskException">It can't be deleted.</exception>
    public void End() => disk.Delete(_name);

    /// <summary>Some of it may not be. Needs no room, and no sync: a loss of power is a doubt by itself.</summary>
    /// <exception cref="DiskException">It can't be written.</exception>
    public void Doubt()
    {
        using IDiskFile file = disk.Open(_name, DiskOpenMode.OpenOrCreate);
        file.SetLength(0);
    }
}
