using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>The contents of a volume's files: how they come into containers, how changes leave them, and what becomes of what a daemon that died left changed.</summary>
internal sealed class VolumeContents
{
    private readonly VolumeId _volume;
    private readonly ContainerStore _store;
    private readonly ContentStorer _storer;
    private readonly ContentFetcher _fetcher;

    public VolumeContents(VolumeId volume, VolumeSurroundings around, ContainerStore store, VolumeStatuses known, KernelNotices kernel, LockFences fences)
    {
        (_volume, _store) = (volume, store);
        (Statuses statuses, CacheFigures figures) = (known.Statuses, around.Figures);
        Unnamed = new UnnamedFiles(around.Calls, statuses, store.Table);
        Uses = new ContentUses(store.Table, store.Dirty, store.Closed, Unnamed);
        Recovered = new RecoveredFolder(store.Disk, around.Time, known.Directories.FindName);
        _storer = new ContentStorer(
            around.Calls, statuses, store.Files, store.Table, store.Seals, store.Dirty, Removals, Recovered, around.Random, store.Turns, figures,
            new StorePlanner(store.HashKey, store.Scanner), store.HashKey, fences, store.Work, around.Log, around.Stopping);
        Retries = new StoreRetries(volume, store.Dirty, _storer, store.Table, around.Log);
        Written = new WrittenContainers(volume, store.Dirty, _storer, store.Seals, store.Files, store.Table, around.Time, around.Log);
        var transfers = new ContentTransfers(
            around.Calls, store.Table, store.Seals, store.Factory, store.Room, store.Turns, figures, store.Work, store.Blocks,
            around.Options.ReadsWhileArriving ? around.Options.LeastArrivingBytes : long.MaxValue, around.Stopping);
        _fetcher = new ContentFetcher(around.Calls, statuses, store.Table, store.Seals, transfers, figures, around.Stopping);
        Recovery = new CacheRecovery(volume, store.Table, statuses, _storer, store.Seals, store.Dirty, Recovered, figures, around.Log, around.Stopping);
        Cache = new ContentCache(
            volume, statuses, store.Table, store.Factory, _fetcher, _storer, store.Seals, store.Dirty, Uses, Recovery, store.Blocks, store.Room, store.Turns, figures, store.Work,
            kernel, new ContentRefresher(statuses, _fetcher, _storer, store.Table, store.Seals, store.Dirty, store.Files, store.Work), around.Log);
    }

    public ContentCache Cache { get; }

    public RecoveredFolder Recovered { get; }

    public ContentUses Uses { get; }

    public UnnamedFiles Unnamed { get; }

    public RemovalsUnderWay Removals { get; } = new();

    public StoreRetries Retries { get; }

    public WrittenContainers Written { get; }

    public CacheRecovery Recovery { get; }

    /// <summary>One more use of a container, which the caller has pinned.</summary>
    public IContainer Use(Container pinned, bool isWriting) => new ContainerUse(pinned, isWriting, _storer, Uses);

    /// <summary>What is left of an earlier daemon started from versions that nobody knows. False: that isn't on the disk yet.</summary>
    public async Task<bool> DisownAllAsync()
    {
        foreach (Container container in _store.Table.Snapshot(_volume))
            container.Disown();
        try
        {
            await _store.Index.FlushAsync();
            return true;
        }
        catch (DiskException)
        {
            return false; // The index says so itself.
        }
    }

    public void CheckInvariants() => _fetcher.CheckInvariants();
}
