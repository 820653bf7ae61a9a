using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Owns which container is the current one of each fid, and the size of all of them together. Older ones live by their uses only.
/// Its lock is taken before that of a container.
/// </summary>
internal sealed class ContainerTable(IContainerFiles files, IContainerIndex index)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, Container> _current = [];
    private readonly Dictionary<ContainerId, long> _sizes = [];
    private long _clock;
    private long _nextId;

    /// <summary>Gets the fid when the last use of a container ends. Must not wait.</summary>
    public Action<Fid>? LastUseEnded { get; set; }

    /// <summary>Allocated bytes as of when each container was last measured.</summary>
    public long TotalBytes { get; private set; }

    public int Count
    {
        get
        {
            lock (_lock)
                return _current.Count;
        }
    }

    /// <summary>Ids above any that was ever used.</summary>
    public void StartIdsAfter(ContainerId last) => _nextId = (long)last.Value;

    public ContainerId NewId() => new((ulong)Interlocked.Increment(ref _nextId));

    public bool TryGet(Fid fid, [NotNullWhen(true)] out Container? container)
    {
        lock (_lock)
        {
            if (!_current.TryGetValue(fid, out container))
                return false;
            container.LastUsed = ++_clock;
            return true;
        }
    }

    /// <summary>As <see cref="TryGet"/>, but for the order of evictions it wasn't used.</summary>
    public bool TryPeek(Fid fid, [NotNullWhen(true)] out Container? container)
    {
        lock (_lock)
            return _current.TryGetValue(fid, out container);
    }

    public List<Container> Snapshot()
    {
        lock (_lock)
            return [.. _current.Values];
    }

    /// <summary>
    /// Makes it the current one, unless one is there that holds changes of this client, or a newer version: then it is deleted. The current
    /// one afterwards.
    /// </summary>
    public Container Install(Container container)
    {
        Container? old;
        bool delete;
        lock (_lock)
        {
            if (_current.TryGetValue(container.Fid, out old) && (old.IsLocal || old.BaseVersion.Value > container.BaseVersion.Value))
                (old, container) = (container, old);
            else
                _current[container.Fid] = container;
            container.LastUsed = ++_clock;
            delete = old?.Retire(ContainerFate.Superseded) ?? false;
        }
        Measure(container.Id, container.Baseline.AllocatedBytes);
        if (delete)
            Delete(old!);
        return container;
    }

    /// <summary>
    /// Opens it for writing, if it is still the current one: from here on none takes its place. False: a newer one did, and what is written must
    /// go there, for all processes of this client share one.
    /// </summary>
    public bool TryBeginWriting(Container container)
    {
        lock (_lock)
        {
            if (!_current.TryGetValue(container.Fid, out Container? current) || current != container)
                return false;
            container.BeginWriting();
            return true;
        }
    }

    /// <summary>
    /// Takes one from the index. Where two are of one fid, the one with changes is the current; else the later one. The other goes, at the
    /// end of its use by whoever has it open since before this daemon.
    /// </summary>
    public void Restore(Container container)
    {
        Container? other;
        bool delete;
        lock (_lock)
        {
            if (_current.TryGetValue(container.Fid, out other) && other.IsLocal && !container.IsLocal)
                (other, container) = (container, other);
            _current[container.Fid] = container;
            container.LastUsed = ++_clock;
            delete = other?.Retire(ContainerFate.Superseded) ?? false;
        }
        Measure(container.Id, container.Baseline.AllocatedBytes);
        if (delete)
            Delete(other!);
    }

    /// <summary>Takes it out of the table; its file goes when nothing uses it.</summary>
    public void Drop(Container container, ContainerFate fate)
    {
        bool delete;
        lock (_lock)
        {
            if (_current.TryGetValue(container.Fid, out Container? current) && current == container)
                _current.Remove(container.Fid);
            delete = container.Retire(fate);
        }
        if (delete)
            Delete(container);
    }

    /// <summary>True: it was clean and unused, and is deleted.</summary>
    public bool TryEvict(Container container)
    {
        lock (_lock)
        {
            if (!container.TryEvict())
                return false;
            _current.Remove(container.Fid);
        }
        Delete(container);
        return true;
    }

    /// <summary>All that hold no change of this client go, those in use at the end of their last use.</summary>
    public void DropClean()
    {
        foreach (Container container in Snapshot().Where(static c => !c.IsLocal))
            Drop(container, ContainerFate.Superseded);
    }

    /// <summary>The end of a pin; that of the last one closes the file, and deletes it where it is nobody's any more.</summary>
    public Unpinned Unpin(Container container, bool wasWriting = false)
    {
        Unpinned after = container.Unpin(wasWriting);
        if (after.IsToDelete)
            Delete(container);
        if (after.WasLast)
            LastUseEnded?.Invoke(container.Fid);
        return after;
    }

    /// <summary>Deletes the file and the row of one that nothing uses any more.</summary>
    public void Delete(Container container)
    {
        lock (_lock)
        {
            if (_current.TryGetValue(container.Fid, out Container? current) && current == container)
                _current.Remove(container.Fid);
        }
        Forget(container.Id);
        files.Delete(container.Id);
    }

    /// <summary>Its row and its size; the file is somebody else's business.</summary>
    public void Forget(ContainerId id)
    {
        index.DeleteLater(id);
        Measure(id, 0);
    }

    /// <summary>What must hold between any two calls; for tests.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            long total = _sizes.Values.Sum();
            if (total != TotalBytes)
                throw new UnreachableException($"The containers are {total} bytes, {TotalBytes} were counted.");
            foreach ((Fid fid, Container container) in _current)
            {
                if (container.Fid != fid || container.IsGone)
                    throw new UnreachableException($"The current container of {fid} is another's, or gone.");
                container.CheckInvariants();
            }
        }
    }

    public void Measure(ContainerId id, long allocatedBytes)
    {
        lock (_lock)
        {
            TotalBytes += allocatedBytes - _sizes.GetValueOrDefault(id);
            if (allocatedBytes == 0)
                _sizes.Remove(id);
            else
                _sizes[id] = allocatedBytes;
        }
    }
}
