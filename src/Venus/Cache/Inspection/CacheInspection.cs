using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Answers what people ask about the cache and changes nothing, but for what asking the server brings.</summary>
internal sealed class CacheInspection(
    PathWalker paths, TreeWalk trees, Statuses statuses, DirectoryCache directories, ContainerTable containers, RequesterRights rights)
{
    public RequesterRights Rights => rights;

    /// <summary>See <see cref="PathWalker.WalkAsync"/>.</summary>
    public ValueTask<Result<FetchStatus>> FindAsync(string path, Requester asker, OperationContext operation) =>
        paths.WalkAsync(path, asker, operation);

    /// <summary>What lies below, if asked for; else what the path stands for alone.</summary>
    public async ValueTask<Result<List<TreeEntry>>> ListAsync(
        string path, bool isRecursive, int most, Requester asker, OperationContext operation)
    {
        Result<FetchStatus> top = await FindAsync(path, asker, operation);
        if (!top.IsSuccess)
            return top.Failure;
        return await trees.ListAsync(
            path, top.Value, d => isRecursive ? rights.MayEnterAsync(asker, d, operation) : new(false), most, operation);
    }

    public bool IsPromised(Fid fid) => statuses.TryGet(fid, out _);

    /// <summary>A directory's entries are in memory and believed.</summary>
    public bool IsListed(Fid directory) => directories.TryGetVersion(directory, out _);

    public bool TryGetContent(Fid fid, out CachedContent content)
    {
        bool found = containers.TryPeek(fid, out Container? container);
        content = found ? Describe(container!) : default;
        return found;
    }

    private CachedContent Describe(Container container) => new(
        container.BaseVersion, container.Baseline.AllocatedBytes,
        container.NeedsRecovery || container.IsUnstored || container.Phase is ContainerPhase.Writing or ContainerPhase.Watched && IsChanged(container),
        container.IsPinned, container.HasWriters);

    private bool IsChanged(Container container)
    {
        try
        {
            if (!container.TryPin())
                return false;
        }
        catch (DiskException)
        {
            return true; // Nobody knows; the next use of it finds out.
        }
        bool isChanged = container.Look() == Sameness.Changed;
        containers.Unpin(container);
        return isChanged;
    }
}

/// <summary>What the cache holds of a file's content.</summary>
/// <param name="Version">The version of the server that it is, or that its changes started from.</param>
/// <param name="IsDirty">It has changes that are not stored yet.</param>
public readonly record struct CachedContent(DataVersion Version, long AllocatedBytes, bool IsDirty, bool IsOpen, bool IsOpenForWriting);

/// <summary>
/// Lets go of what is cached, because a person says so. Changes are stored first; what can't be stored, or is in use, stays.
/// </summary>
internal sealed class Discards(
    VolumeId volume, Statuses statuses, DirectoryCache directories, ContainerTable containers, CacheRoom room, IContentCache contents)
{
    /// <summary>How many files stay; or the failure of a store, after which the others are discarded all the same.</summary>
    public async Task<(int Kept, Failure Failure)> RunAsync(IEnumerable<Fid> fids, OperationContext operation)
    {
        int kept = 0;
        Failure failure = Failure.None;
        foreach (Fid fid in fids)
        {
            Failure stored = await contents.StoreClosedAsync(fid, operation);
            failure = failure.IsNone ? stored : failure;
            if (containers.TryPeek(fid, out Container? container) && !room.TryDiscard(container))
                kept++;
            directories.Remove(fid);
            statuses.Distrust(fid);
        }
        return (kept, failure);
    }

    /// <summary>All that is cached of the volume.</summary>
    public Task<(int Kept, Failure Failure)> RunAllAsync(OperationContext operation)
    {
        directories.Clear();
        return RunAsync(containers.Snapshot(volume).Select(static container => container.Fid), operation);
    }
}

/// <summary>Whose rights a question about the mount is answered by.</summary>
/// <param name="IsOwner">The user whose daemon it is, or root: may ask everything.</param>
public sealed record Requester(uint Uid, uint Gid, IReadOnlyList<uint> Groups, bool IsOwner)
{
    /// <summary>What is done for him.</summary>
    public OperationContext Operation(CancellationToken interrupted) => new(new Caller(Uid, Gid), interrupted);

    public bool IsIn(uint group) => group == Gid || Groups.Contains(group);
}

/// <summary>
/// What a requester may, as the kernel decides it for a system call: by owner, group and others (path_resolution(7)), and by the access list where there is one
/// (acl(5)). A list that can't be had gives nothing.
/// </summary>
internal sealed class RequesterRights(FileOperations operations)
{
    private const uint Read = 4, Search = 1;
    private const int OwnerShift = 6, GroupShift = 3;

    /// <summary>May find a name in this directory.</summary>
    public ValueTask<bool> MaySearchAsync(Requester asker, FetchStatus directory, OperationContext operation) => MayAsync(asker, directory, Search, operation);

    public ValueTask<bool> MayReadAsync(Requester asker, FetchStatus vnode, OperationContext operation) => MayAsync(asker, vnode, Read, operation);

    /// <summary>May list it, and enter what it lists.</summary>
    public ValueTask<bool> MayEnterAsync(Requester asker, FetchStatus directory, OperationContext operation) => MayAsync(asker, directory, Read | Search, operation);

    private async ValueTask<bool> MayAsync(Requester asker, FetchStatus vnode, uint rights, OperationContext operation)
    {
        if (asker.IsOwner)
            return true;
        bool isGroupEmpty = (vnode.Mode >> GroupShift & 7) == 0; // The kernel looks at no list then.
        if (vnode.Uid != asker.Uid && vnode.Lists.HasFlag(AccessLists.Access) && !isGroupEmpty)
        {
            Result<IReadOnlyList<Xattr>> xattrs = await operations.GetXattrsAsync(vnode.Fid, operation);
            Xattr? list = xattrs.IsSuccess ? xattrs.Value.FirstOrDefault(xattr => AccessList.KindOf(xattr.Name) == AccessLists.Access) : null;
            return list is not null && AccessList.Permits(list.Value, asker.Uid, group => asker.IsIn(group ?? vnode.Gid), rights);
        }
        int shift = vnode.Uid == asker.Uid ? OwnerShift : asker.IsIn(vnode.Gid) ? GroupShift : 0;
        return (vnode.Mode >> shift & rights) == rights;
    }
}
