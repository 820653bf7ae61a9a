using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>OPENDIR, READDIR and READDIRPLUS.</summary>
internal sealed class DirectoryReader(VfsMount mount)
{
    /// <summary>About as many entries as one reply holds. A READDIRPLUS needs the statuses of this many before it is answered.</summary>
    private const int ReplyEntries = 256;

    /// <summary>A bound for a directory that changes faster than it can be fetched.</summary>
    private const int MaxLoads = 32;

    public async ValueTask<FuseResult<OpenReply>> OpenAsync(DirectoryNode node, RequestId request, OperationContext operation)
    {
        var directory = new OpenDirectory(node, request, mount.Cache.Operations.RefusalsIn(node.Fid));
        Errno error = await TakeListingAsync(directory, operation);
        if (error != Errno.None)
            return error;
        try
        {
            return Reply(directory);
        }
        catch (DiskException e)
        {
            return e.ToErrno();
        }
    }

    /// <summary>OPENDIR of a listing that is cached and promised.</summary>
    public bool TryOpen(DirectoryNode node, RequestId request, out OpenReply reply)
    {
        reply = default;
        var directory = new OpenDirectory(node, request, mount.Cache.Operations.RefusalsIn(node.Fid));
        if (!TryTakeListing(directory))
            return false;
        try
        {
            reply = Reply(directory);
            return true;
        }
        catch (DiskException)
        {
            return false; // OpenAsync answers with the reason.
        }
    }

    /// <summary>Takes a new listing if the reader starts over, and fetches the statuses that a READDIRPLUS shows.</summary>
    public ValueTask<Errno> Prepare(FileHandle handle, ulong offset, bool isPlus, OperationContext operation)
    {
        if (mount.Directories.Find(handle) is not { } directory)
            return new(Errno.EBADF);
        bool startsOver = offset == 0 && !directory.IsFresh || directory.Snapshot is null;
        if (startsOver && !TryRewind(directory))
            return PrepareSlowlyAsync(directory, offset, isPlus, operation);
        directory.IsFresh = false;
        return isPlus && LacksStatuses(directory.Snapshot!, offset) ? PrefetchAsync(directory.Snapshot!, offset, operation) : new(Errno.None);
    }

    public Errno Read(FileHandle handle, ulong offset, scoped ref DirectoryFiller filler)
    {
        if (mount.Directories.Find(handle) is not { Snapshot: { } snapshot } directory)
            return Errno.EBADF;
        for (int index = ListingSnapshot.IndexAt(offset); index < snapshot.Count; index++)
        {
            if (!TryAdd(directory.Node, snapshot, index, ref filler))
                break;
        }

        return Errno.None;
    }

    private bool TryAdd(DirectoryNode directory, ListingSnapshot snapshot, int index, scoped ref DirectoryFiller filler)
    {
        ulong next = snapshot.OffsetAfter(index);
        if (index < ListingSnapshot.DotEntries)
        {
            Fid fid = index == 0 ? snapshot.Listing.Directory : snapshot.Listing.Parent;
            return filler.TryAdd(index == 0 ? "."u8 : ".."u8, InodeNumbers.Of(fid), next, FileModes.OfType(FileType.Directory), default);
        }

        ListedName listed = snapshot.Listing.Names[index - ListingSnapshot.DotEntries];
        EntryReply entry = default;
        bool isLookup = filler.IsPlus && mount.Entries.TryResolve(listed.Fid, listed.Type, Give(directory, snapshot, listed.Name), out entry);
        bool fits = filler.TryAdd(listed.Name, InodeNumbers.Of(listed.Fid), next, FileModes.OfType(listed.Type), entry);
        if (isLookup && !fits)
            mount.Entries.Forget(entry.Node, 1);
        return fits;
    }

    /// <summary>The name as the kernel may keep it. If the listing isn't promised any more, the kernel may not keep it at all.</summary>
    private GivenName Give(DirectoryNode directory, ListingSnapshot snapshot, byte[] name)
    {
        GivenName given = mount.Names.Give(directory, name, isLocked: true);
        return mount.Cache.Directories.TryGetVersion(directory.Fid, out DataVersion current) && current == snapshot.Listing.Version ? given : default;
    }

    /// <exception cref="DiskException">There is no room to record it.</exception>
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

    /// <summary>A directory that was removed while somebody still has it open, or works in it, is shown as empty.</summary>
    private bool TryGetRemoved(Fid fid, out DirectoryListing listing)
    {
        bool isRemoved = mount.Cache.Statuses.TryGet(fid, out FetchStatus status) && status.LinkCount == 0;
        listing = isRemoved ? new DirectoryListing(fid, status.Parent, status.DataVersion, []) : null!;
        return isRemoved;
    }

    private async ValueTask<Errno> TakeListingAsync(OpenDirectory directory, OperationContext operation)
    {
        for (int load = 0; load < MaxLoads; load++)
        {
            Failure failure = await mount.Cache.Directories.LoadAsync(directory.Node.Fid, operation);
            if ((failure.IsNone || failure.IsGone()) && TryTakeListing(directory))
                return Errno.None;
            if (!failure.IsNone)
                return failure.ToErrno();
        }

        return Errno.EBUSY;
    }

    /// <summary>As <see cref="TryTakeListing"/>, for a directory that is open already: the kernel drops what it has cached of another listing.</summary>
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

    private async ValueTask<Errno> PrepareSlowlyAsync(OpenDirectory directory, ulong offset, bool isPlus, OperationContext operation)
    {
        Errno error = await TakeListingAsync(directory, operation);
        if (error != Errno.None)
            return error;
        DropListing(directory);
        directory.IsFresh = false;
        return isPlus && LacksStatuses(directory.Snapshot!, offset) ? await PrefetchAsync(directory.Snapshot!, offset, operation) : Errno.None;
    }

    private bool LacksStatuses(ListingSnapshot snapshot, ulong offset)
    {
        if (mount.Cache.Statuses.ServesSuspect(snapshot.Listing.Directory))
            return false; // The server is away: to show names alone is better than to wait.
        (int first, int last) = Window(snapshot, offset, ReplyEntries);
        for (int index = first; index < last; index++)
        {
            if (!mount.Cache.Statuses.TryGet(snapshot.Listing.Names[index].Fid, out _))
                return true;
        }

        return false;
    }

    private async ValueTask<Errno> PrefetchAsync(ListingSnapshot snapshot, ulong offset, OperationContext operation)
    {
        (int first, int last) = Window(snapshot, offset, Limits.StatusesPerCall);
        var missing = new List<Fid>(last - first);
        for (int index = first; index < last; index++)
        {
            Fid fid = snapshot.Listing.Names[index].Fid;
            if (!mount.Cache.Statuses.TryGet(fid, out _))
                missing.Add(fid);
        }

        return (await mount.Cache.Statuses.PrefetchAsync(missing, operation)).ToErrno();
    }

    private static (int First, int Last) Window(ListingSnapshot snapshot, ulong offset, int count)
    {
        int first = Math.Min(Math.Max(0, ListingSnapshot.IndexAt(offset) - ListingSnapshot.DotEntries), snapshot.Listing.Names.Count);
        return (first, Math.Min(first + count, snapshot.Listing.Names.Count));
    }
}

/// <summary>One open directory: the listing that it reads, taken at open and again when it is rewound.</summary>
/// <param name="refusedBefore">What was refused before it was opened isn't its to tell.</param>
internal sealed class OpenDirectory(DirectoryNode node, RequestId request, RefusedBehind refusedBefore)
{
    private RefusalsTold _told = new(refusedBefore);
    private volatile ListingSnapshot? _snapshot;

    public DirectoryNode Node { get; } = node;

    /// <summary>The request that opened it.</summary>
    public RequestId Request { get; } = request;

    /// <summary>Null: a predecessor of this daemon opened it, and nobody read it since.</summary>
    public ListingSnapshot? Snapshot { get => _snapshot; set => _snapshot = value; }

    /// <summary>The listing was taken and not read yet, so the first read needs no new one.</summary>
    public bool IsFresh { get; set; }

    /// <summary>If the kernel has cached a listing, it is of this version.</summary>
    public bool KernelHasIt { get; set; }

    /// <inheritdoc cref="RefusalsTold.Tell"/>
    public Failure TellRefusal(RefusedBehind refused) => _told.Tell(refused);
}

/// <summary>
/// A listing, and the offsets in it. The lower half of an offset is the count of entries before it, '.' and '..' included. The upper half is the number
/// of the listing, which is zero until the directory changes for the first time after the kernel learned of it.
/// </summary>
internal sealed record ListingSnapshot(DirectoryListing Listing, uint Number)
{
    public const int DotEntries = 2;

    private const int NumberShift = 32;

    public int Count => Listing.Names.Count + DotEntries;

    public ulong OffsetAfter(int index) => ((ulong)Number << NumberShift) | (uint)(index + 1);

    /// <summary>The index of the next entry. An offset in an older listing of the same handle skips the same count of entries.</summary>
    public static int IndexAt(ulong offset) => (int)Math.Min(offset & uint.MaxValue, int.MaxValue);
}
