using System.Diagnostics;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Who must store what, and when: containers whose store failed, each with the time of its next attempt, and containers that are to be looked at again, for somebody may have them mapped for writing.
/// Whoever finds such a container tells it here; <see cref="StoreRetries"/> and <see cref="WrittenContainers"/> take what is due. So it is made before all of them, and calls nobody.
///
/// There is no bound but that of the cache: an entry is some words beside its container, which has a file on the cache's disk, and ends with it. One that was left out would
/// lose what was written. Its lock is a leaf.
/// </summary>
internal sealed class DirtyContainers(TimeProvider time, Random random)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1), Longest = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<ContainerId, FailedStore> _failed = [];
    private readonly Dictionary<ContainerId, DueLook> _looks = [];

    /// <summary>Stores that failed and are to be tried again.</summary>
    public int FailedCount
    {
        get
        {
            lock (_lock)
                return _failed.Count;
        }
    }

    /// <summary>A store failed, or nobody may come to store this: it is tried again, the later the more often it failed.</summary>
    public void StoreLater(Container container)
    {
        lock (_lock)
        {
            TimeSpan delay = _failed.TryGetValue(container.Id, out FailedStore known) ? known.Delay * 2 : First;
            if (delay > Longest)
                delay = Longest;
            double jitter;
            lock (random)
                jitter = 0.75 + random.NextDouble() / 2;
            _failed[container.Id] = new FailedStore(container, time.GetTimestamp(), delay, delay * jitter);
        }
    }

    /// <summary>The server of a volume answers again: all of it are due.</summary>
    public void HurryStores(VolumeId volume)
    {
        lock (_lock)
        {
            foreach ((ContainerId id, FailedStore failed) in _failed.Where(pair => pair.Value.Container.Fid.Volume == volume).ToArray())
                _failed[id] = failed with { Delay = First, Wait = TimeSpan.Zero };
        }
    }

    /// <summary>Those of a volume whose next attempt is due. They stay until <see cref="Stored"/>.</summary>
    public List<Container> StoresDue(VolumeId volume)
    {
        lock (_lock)
            return [.. _failed.Values.Where(failed => failed.Container.Fid.Volume == volume && time.GetElapsedTime(failed.Since) >= failed.Wait).Select(static failed => failed.Container)];
    }

    /// <summary>There is nothing left to be stored of it, or it is gone.</summary>
    public void Stored(Container container)
    {
        lock (_lock)
            _failed.Remove(container.Id);
    }

    /// <summary>A use that wrote ends, or it was stored while nobody had it open for writing. The first look is due at once.</summary>
    public void LookSoon(Container container)
    {
        lock (_lock)
            _looks[container.Id] = new DueLook(container, time.GetTimestamp(), TimeSpan.Zero, IsFirst: true);
    }

    /// <summary>Those of a volume that are due. Each stays until <see cref="EndLooks"/>.</summary>
    public List<DueLook> LooksDue(VolumeId volume)
    {
        lock (_lock)
            return [.. _looks.Values.Where(look => look.Container.Fid.Volume == volume && time.GetElapsedTime(look.Since) >= look.Wait)];
    }

    /// <summary>It needn't be looked at again, unless it was written since the look began.</summary>
    public void EndLooks(DueLook look)
    {
        lock (_lock)
        {
            if (_looks.TryGetValue(look.Container.Id, out DueLook known) && known.Since == look.Since)
                _looks.Remove(look.Container.Id);
        }
    }

    /// <summary>The next look is due after this time, unless it was written since the look began.</summary>
    public void LookAgain(DueLook look, TimeSpan wait)
    {
        lock (_lock)
        {
            if (_looks.TryGetValue(look.Container.Id, out DueLook known) && known.Since == look.Since)
                _looks[look.Container.Id] = new DueLook(look.Container, time.GetTimestamp(), wait, IsFirst: false);
        }
    }

    /// <summary>Will somebody look at it, or try to store it?</summary>
    public bool Knows(Container container)
    {
        lock (_lock)
            return _failed.ContainsKey(container.Id) || _looks.ContainsKey(container.Id);
    }

    /// <summary>INVARIANT: each stands under its own id, and waits for a store no longer than the longest.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            foreach ((ContainerId id, FailedStore failed) in _failed)
            {
                if (failed.Container.Id != id || failed.Delay < First || failed.Delay > Longest || failed.Wait > 2 * Longest)
                    throw new UnreachableException($"The store of container {id} waits for {failed.Wait}.");
            }
            if (_looks.Any(static pair => pair.Value.Container.Id != pair.Key))
                throw new UnreachableException($"{_looks.Count} written containers are watched, not all as they should be.");
        }
    }

    private readonly record struct FailedStore(Container Container, long Since, TimeSpan Delay, TimeSpan Wait);
}

/// <summary>A container that is to be looked at.</summary>
/// <param name="Since">When that was asked for.</param>
/// <param name="IsFirst">Nobody has looked since its last close or store.</param>
internal readonly record struct DueLook(Container Container, long Since, TimeSpan Wait, bool IsFirst);
