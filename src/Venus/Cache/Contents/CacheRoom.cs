using System.Diagnostics;
using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>
/// Makes room by evicting clean, unused containers: the least recently used first, and of those that were used about as long ago the larger
/// ones. What is open, dirty or changed stays, whatever the limit.
/// </summary>
internal sealed class CacheRoom(ContainerTable table, IContainerFiles files, CacheLimits limits, CacheFigures figures, Action<Container> recheck)
{
    private readonly Lock _lock = new();

    // Of fetches under way: their bytes aren't in the table yet.
    private long _reserved;
    private long _mostBytes = limits.MostBytes;
    private bool _isEvicting;

    /// <summary>The most that all containers may occupy.</summary>
    public long MostBytes => Volatile.Read(ref _mostBytes);

    /// <summary>Takes effect at once. False: what is open and dirty is more than that; the rest was evicted.</summary>
    public bool Resize(long mostBytes)
    {
        Volatile.Write(ref _mostBytes, mostBytes);
        long excess = table.TotalBytes - mostBytes;
        return excess <= 0 || Evict(excess) && table.TotalBytes <= mostBytes;
    }

    /// <summary>Lets go of one container, if it is clean and nothing uses it.</summary>
    public bool TryDiscard(Container container) => !container.IsPinned && !container.IsLocal && IsUntouched(container) && table.TryEvict(container);

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
        long reserved;
        lock (_lock)
            reserved = _reserved;
        long byLimit = table.TotalBytes + reserved - MostBytes;
        long byDisk = limits.ReservedFreeBytes + reserved - files.GetSpace().FreeBytes;
        long byFiles = table.Count >= limits.MostFiles ? Math.Max(1, table.TotalBytes / 10) : 0;
        return Math.Max(byLimit, Math.Max(byDisk, byFiles));
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
                if (IsUntouched(container) && table.TryEvict(container))
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

    /// <summary>
    /// A mapping may have written after the last close: then it isn't clean, whatever we thought. One from before a crash may differ for another
    /// reason; that is no change of this client.
    /// </summary>
    private bool IsUntouched(Container container)
    {
        if (!container.EverWritten || container.NeedsVerify)
            return true;
        try
        {
            if (!container.TryPin())
                return false;
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return true;
        }
        bool changed = container.IsChanged();
        table.Unpin(container);
        if (changed)
            recheck(container);
        return !changed;
    }
}
