using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Answers what people ask about the cache and changes nothing, but for what asking the server brings.</summary>
internal sealed class CacheInspection(PathWalker paths, TreeWalk trees, Statuses statuses, DirectoryCache directories, ContainerTable containers)
{
    /// <summary>See <see cref="PathWalker.WalkAsync"/>.</summary>
    public ValueTask<Result<FetchStatus>> FindAsync(string path, Requester asker, CancellationToken cancellation) =>
        paths.WalkAsync(path, asker, cancellation);

    /// <summary>What lies below, if asked for; else what the path stands for alone.</summary>
    public async ValueTask<Result<List<TreeEntry>>> ListAsync(
        string path, bool isRecursive, int most, Requester asker, CancellationToken cancellation)
    {
        Result<FetchStatus> top = await FindAsync(path, asker, cancellation);
        if (!top.IsSuccess)
            return top.Failure;
        return await trees.ListAsync(path, top.Value, d => isRecursive && asker.MayRead(d) && asker.MaySearch(d), most, cancellation);
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
        container.NeedsRecovery || container.State == ContainerState.Dirty || container.State == ContainerState.Writing && IsChanged(container),
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
        bool isChanged = container.IsChanged();
        containers.Unpin(container);
        return isChanged;
    }
}
