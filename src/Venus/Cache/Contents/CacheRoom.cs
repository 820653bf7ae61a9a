using System.Diagnostics;
using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>
/// Makes room by evicting clean, unused containers: the least recently used first, and of those that were used about as long ago the larger
/// ones. What is open, dirty or changed stays, whatever the limit.
/// Fetches reserve their bytes first. What is written here isn't known before it is there: so each new file and each open for writing looks, without a call
/// where all is well, and a duty of the housekeeping does once a second.
/// </summary>
internal sealed class CacheRoom(
    ContainerTable table, ContainerSeals seals, IContainerFiles files, CacheLimits limits, CacheFigures figures, IBlockingWork work, TimeProvider time)
{
    /// <summary>Where nothing could go, nobody looks again for so long: a look costs as much as there are files.</summary>
    private static readonly TimeSpan FruitlessPause = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();

    // Of fetches under way: their bytes aren't in the table yet.
    private long _reserved;
    private long _mostBytes = limits.MostBytes;
    private bool _isEvicting;

    /// <summary>As of the last look: less is free than is to be left to others.</summary>
    private bool _isDiskShort;
    private long? _fruitlessSince;

    /// <summary>The most that all containers may occupy.</summary>
    public long MostBytes => Volatile.Read(ref _mostBytes);

    /// <summary>Takes effect at once. False: what is open and dirty is more than that; the rest was evicted.</summary>
    public bool Resize(long mostBytes)
    {
        Volatile.Write(ref _mostBytes, mostBytes);
        long excess = table.TotalBytes - mostBytes;
        return excess <= 0 || Evict(excess) && table.TotalBytes <= mostBytes;
    }

    /// <summary>Some limit is passed, as far as it is known without asking the disk.</summary>
    private bool IsShort => Volatile.Read(ref _isDiskShort) || table.TotalBytes + Reserved > MostBytes || table.Count >= limits.MostFiles;

    private long Reserved
    {
        get
        {
            lock (_lock)
                return _reserved;
        }
    }

    /// <summary>
    /// To be asked before a file is made, or opened to be written. False: the disk has no more room than is to be left to others, and nothing may go. The
    /// limit of the cache itself refuses nobody: what is over it and can't go, goes once it is stored and closed.
    /// </summary>
    public ValueTask<bool> HasRoomAsync() => IsShort ? new(work.RunAsync(TryKeepLimits)) : new(true);

    /// <summary>The duty: what is over the limits goes, if it may.</summary>
    public Task KeepLimitsAsync() => work.RunAsync(TryKeepLimits);

    private bool TryKeepLimits()
    {
        long excess = Excess();
        if (excess > 0 && !IsFruitless())
            NoteFruit(Evict(excess));
        bool isDiskShort = DiskExcess() > 0;
        Volatile.Write(ref _isDiskShort, isDiskShort);
        return !isDiskShort;
    }

    private bool IsFruitless()
    {
        lock (_lock)
            return _fruitlessSince is { } since && time.GetElapsedTime(since) < FruitlessPause;
    }

    private void NoteFruit(bool isEnough)
    {
        lock (_lock)
            _fruitlessSince = isEnough ? null : time.GetTimestamp();
    }

    /// <summary>Lets go of one container, if it is clean and nothing uses it.</summary>
    public bool TryDiscard(Container container) => !container.IsPinned && !container.IsLocal && seals.TryEvict(container);

    /// <summary>Room for a fetch; to be given back by <see cref="Release"/>. False: everything that is left is in use.</summary>
    public bool TryReserve(long bytes)
    {
        lock (_lock)
            _reserved += bytes;
        if (Excess() <= 0 || Evict(Excess()))
            return true;
        Release(bytes);
        return false;
    }

    public void Release(long bytes)
    {
        lock (_lock)
            _reserved -= bytes;
    }

    /// <summary>The disk is full though the limit isn't reached: somebody else fills it. True: something was freed.</summary>
    public bool FreeDisk(long bytes)
    {
        long before = table.TotalBytes;
        Evict(bytes);
        return table.TotalBytes < before;
    }

    /// <summary>INVARIANT: what is reserved is given back once.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            if (_reserved < 0)
                throw new UnreachableException($"{-_reserved} bytes more were given back than reserved.");
        }
    }

    /// <summary>Bytes past the limit of the cache or of the disk; past the limit of files, one tenth of all.</summary>
    private long Excess()
    {
        long byLimit = table.TotalBytes + Reserved - MostBytes;
        long byFiles = table.Count >= limits.MostFiles ? Math.Max(1, table.TotalBytes / 10) : 0;
        return Math.Max(byLimit, Math.Max(DiskExcess(), byFiles));
    }

    /// <summary>Bytes past what is to be left free on the disk. One that says it has no blocks at all says nothing of its room.</summary>
    private long DiskExcess()
    {
        DiskSpace space = files.GetSpace();
        return space.TotalBytes > 0 ? limits.ReservedFreeBytes + Reserved - space.FreeBytes : 0;
    }

    /// <summary>Frees at least so many bytes, and some more so that the next one needn't look again. False: there wasn't enough.</summary>
    private bool Evict(long bytes)
    {
        lock (_lock)
        {
            if (_isEvicting)
                return true; // Another one is at it; the limit may be passed by one fetch.
            _isEvicting = true;
        }
        try
        {
            long goal = table.TotalBytes - bytes - MostBytes / 20, least = table.TotalBytes - bytes;
            foreach (Container container in Candidates())
            {
                if (table.TotalBytes <= goal)
                    break;
                if (seals.TryEvict(container))
                    figures.ContainersEvicted.Add();
            }
            return table.TotalBytes <= least;
        }
        finally
        {
            lock (_lock)
                _isEvicting = false;
        }
    }

    private List<Container> Candidates()
    {
        List<Container> all = table.Snapshot();
        all.RemoveAll(static c => c.IsPinned || c.IsLocal);
        long newest = all.Count == 0 ? 0 : all.Max(static c => c.LastUsed);
        var scores = all.ToDictionary(static c => c.Id, c => Score(c, newest));
        all.Sort((a, b) => scores[b.Id].CompareTo(scores[a.Id]));
        return all;
    }

    private static double Score(Container container, long newest) =>
        (newest - container.LastUsed + 1) * (1 + Math.Log2(1 + container.Baseline.AllocatedBytes / 65536.0) / 8);
}
