using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>OPENDIR, READDIR and READDIRPLUS.</summary>
internal sealed class DirectoryReader(VfsMount mount)
{
    /// <summary>Entries that one reply may hold, so that their statuses must be at hand.</summary>
    private const int ReplyEntries = 256;

    /// <summary>A directory that changes faster than it can be fetched isn't listed for ever.</summary>
    private const int MaxLoads = 32;

    public async ValueTask<FuseResult<OpenReply>> OpenAsync(DirectoryNode node, RequestId request, CancellationToken cancellation)
    {
        var directory = new OpenDirectory(node, request);
        Errno error = await TakeListingAsync(directory, cancellation);
        return error == Errno.None ? Reply(directory) : error;
    }

    /// <summary>OPENDIR of a listing that is cached and promised.</summary>
    public bool TryOpen(DirectoryNode node, RequestId request, out OpenReply reply)
    {
        reply = default;
        var directory = new OpenDirectory(node, request);
        if (!TryTakeListing(directory))
            return false;
        reply = Reply(directory);
        return true;
    }

    /// <summary>Takes a new listing where the reader starts over, and brings the statuses that a READDIRPLUS shows.</summary>
    public ValueTask<Errno> Prepare(FileHandle handle, ulong offset, bool isPlus, CancellationToken cancellation)
    {
        if (mount.Directories.Find(handle) is not { } directory)
            return new(Errno.EBADF);
        bool startsOver = offset == 0 && !directory.IsFresh || directory.Snapshot is null;
        if (startsOver && !TryRewind(directory))
            return PrepareSlowlyAsync(directory, offset, isPlus, cancellation);
        directory.IsFresh = false;
        return isPlus && LacksStatuses(directory.Snapshot!, offset) ? PrefetchAsync(directory.Snapshot!, offset, cancellation) : new(Errno.None);
    }

    public Errno Read(FileHandle handle, ulong offset, scoped ref DirectoryFiller filler)
    {
        if (mount.Directories.Find(handle)?.Snapshot is not { } snapshot)
            return Errno.EBADF;
        // Of a listing that isn't promised any more the kernel may keep no name.
        bool isPromised = mount.Cache.Directories.TryGetVersion(snapshot.Listing.Directory, out DataVersion current) && current == snapshot.Listing.Version;
        for (int index = ListingSnapshot.IndexAt(offset); index < snapshot.Count; index++)
        {
            if (!TryAdd(snapshot, index, isPromised, ref filler))
                break;
        }

        return Errno.None;
    }

    private bool TryAdd(ListingSnapshot snapshot, int index, bool isPromised, scoped ref DirectoryFiller filler)
    {
        ulong next = snapshot.OffsetAfter(index);
        if (index < ListingSnapshot.DotEntries)
        {
            Fid fid = index == 0 ? snapshot.Listing.Directory : snapshot.Listing.Parent;
            return filler.TryAdd(index == 0 ? "."u8 : ".."u8, mount.Inodes.Of(fid), next, FileModes.OfType(FileType.Directory), default);
        }

        ListedName listed = snapshot.Listing.Names[index - ListingSnapshot.DotEntries];
        EntryReply entry = default;
        bool isLookup = filler.IsPlus && mount.Entries.TryResolve(listed.Fid, listed.Type, isPromised, out entry);
        bool fits = filler.TryAdd(listed.Name, mount.Inodes.Of(listed.Fid), next, FileModes.OfType(listed.Type), entry);
        if (isLookup && !fits)
            mount.Entries.Forget(entry.Node, 1);
        return fits;
    }

    private OpenReply Reply(OpenDirectory directory)
    {
        bool isKept = directory.KernelHasIt;
        return new OpenReply
        {
            Handle = mount.Directories.Add(directory),
            Flags = isKept ? OpenReplyFlags.CacheDirectory | OpenReplyFlags.KeepCache : OpenReplyFlags.CacheDirectory,
        };
    }

    private bool TryTakeListing(OpenDirectory directory)
    {
        if (!mount.Cache.Directories.TryGetListing(directory.Node.Fid, out DirectoryListing listing) && !TryGetRemoved(directory.Node.Fid, out listing))
            return false;
        directory.KernelHasIt = directory.Node.BeginListing(listing.Version, out uint number);
        directory.Snapshot = new ListingSnapshot(listing, number);
        directory.IsFresh = true;
        return true;
    }

    /// <summary>A directory that was removed while somebody works in it is there, and empty.</summary>
    private bool TryGetRemoved(Fid fid, out DirectoryListing listing)
    {
        bool isRemoved = mount.Cache.Statuses.TryGet(fid, out FetchStatus status) && status.LinkCount == 0;
        listing = isRemoved ? new DirectoryListing(fid, status.Parent, status.DataVersion, []) : null!;
        return isRemoved;
    }

    private async ValueTask<Errno> TakeListingAsync(OpenDirectory directory, CancellationToken cancellation)
    {
        for (int load = 0; load < MaxLoads; load++)
        {
            Failure failure = await mount.Cache.Directories.LoadAsync(directory.Node.Fid, cancellation);
            if ((failure.IsNone || failure.IsGone()) && TryTakeListing(directory))
                return Errno.None;
            if (!failure.IsNone)
                return failure.ToErrno();
        }

        return Errno.EBUSY;
    }

    /// <summary>As <see cref="TryTakeListing"/>, of a directory that is open: what the kernel holds of another listing goes.</summary>
    private bool TryRewind(OpenDirectory directory)
    {
        if (!TryTakeListing(directory))
            return false;
        DropListing(directory);
        return true;
    }

    private void DropListing(OpenDirectory directory)
    {
        if (!directory.KernelHasIt)
            mount.Kernel.Session.Notifier.InvalidateNode(directory.Node.Id, 0);
    }

    private async ValueTask<Errno> PrepareSlowlyAsync(OpenDirectory directory, ulong offset, bool isPlus, CancellationToken cancellation)
    {
        Errno error = await TakeListingAsync(directory, cancellation);
        if (error != Errno.None)
            return error;
        DropListing(directory);
        directory.IsFresh = false;
        return isPlus && LacksStatuses(directory.Snapshot!, offset) ? await PrefetchAsync(directory.Snapshot!, offset, cancellation) : Errno.None;
    }

    private bool LacksStatuses(ListingSnapshot snapshot, ulong offset)
    {
        if (mount.Cache.Statuses.ServesSuspect)
            return false; // Names alone are better than a wait for nobody.
        (int first, int last) = Window(snapshot, offset, ReplyEntries);
        for (int index = first; index < last; index++)
        {
            if (!mount.Cache.Statuses.TryGet(snapshot.Listing.Names[index].Fid, out _))
                return true;
        }

        return false;
    }

    private async ValueTask<Errno> PrefetchAsync(ListingSnapshot snapshot, ulong offset, CancellationToken cancellation)
    {
        (int first, int last) = Window(snapshot, offset, Limits.StatusesPerCall);
        var missing = new List<Fid>(last - first);
        for (int index = first; index < last; index++)
        {
            Fid fid = snapshot.Listing.Names[index].Fid;
            if (!mount.Cache.Statuses.TryGet(fid, out _))
                missing.Add(fid);
        }

        return (await mount.Cache.Statuses.PrefetchAsync(missing, cancellation)).ToErrno();
    }

    private static (int First, int Last) Window(ListingSnapshot snapshot, ulong offset, int count)
    {
        int first = Math.Min(Math.Max(0, ListingSnapshot.IndexAt(offset) - ListingSnapshot.DotEntries), snapshot.Listing.Names.Count);
        return (first, Math.Min(first + count, snapshot.Listing.Names.Count));
    }
}
