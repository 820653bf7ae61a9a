using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// A part of the vnode table, by hash of the fid. Slots are values in one array, so that a full table is few objects to the garbage
/// collector. Every method takes the lock for some tens of nanoseconds; under it only the break log's is taken.
/// </summary>
internal sealed partial class VnodeShard(int most, BreakLog breaks, Action<Fid> evicted)
{
    /// <summary>How far the eviction looks before the table rather grows by one.</summary>
    private const int MostSteps = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, int> _index = [];
    private readonly Stack<int> _free = [];
    private VnodeSlot[] _slots = new VnodeSlot[16];
    private int _used;
    private int _hand;

    public int Count
    {
        get
        {
            lock (_lock)
                return _index.Count;
        }
    }

    public bool TryRead(Fid fid, [NotNullWhen(true)] out FetchStatus? status, out uint promised, out bool isRemoved)
    {
        lock (_lock)
        {
            if (!_index.TryGetValue(fid, out int at) || _slots[at].Status is not { } found)
            {
                (status, promised, isRemoved) = (null, 0, false);
                return false;
            }
            ref VnodeSlot slot = ref _slots[at];
            slot.Used = true;
            status = found;
            promised = slot.Changes is { HasGap: true } ? 0 : slot.Promised;
            isRemoved = slot.IsRemoved;
            return true;
        }
    }

    /// <summary>Rules R2 and R3. The status that is newest afterwards.</summary>
    public FetchStatus Grant(FetchStatus status, CallMark mark)
    {
        lock (_lock)
        {
            ref VnodeSlot slot = ref GetOrAdd(status.Fid);
            if (slot.IsRemoved || slot.Status is { } cached && PromiseRules.IsOlder(status.StatusVersion, cached.StatusVersion))
                return slot.Status ?? status;
            Set(ref slot, status);
            slot.Promised = PromiseRules.Grant(mark, breaks.HasMoved(status.Fid, mark.Breaks));
            slot.Changes?.DropThrough(status.StatusVersion);
            return status;
        }
    }

    /// <summary>Rules R3 to R5: the status of a mutation that was begun with <see cref="BeginChange"/>.</summary>
    public void Keep(FetchStatus status)
    {
        lock (_lock)
        {
            ref VnodeSlot slot = ref GetOrAdd(status.Fid);
            if (slot.IsRemoved || slot.Status is { } cached && status.StatusVersion.Value <= cached.StatusVersion.Value)
                return;
            if (slot.Status is null || slot.Promised == 0)
            {
                Set(ref slot, status);
                slot.Promised = 0;
                slot.Changes?.DropThrough(status.StatusVersion); // Rule R3, for when it is taken up.
            }
            else if (PromiseRules.Follows(status.StatusVersion, slot.Status.StatusVersion))
            {
                Set(ref slot, status);
                while (slot.Changes is { } changes && changes.TryTakeNext(slot.Status!.StatusVersion, out FetchStatus next))
                    Set(ref slot, next);
            }
            else if (slot.Changes is { } changes)
                changes.Park(status);
            else
            {
                Set(ref slot, status);
                slot.Promised = 0;
            }
        }
    }

    public void BeginChange(Fid fid)
    {
        lock (_lock)
            (GetOrAdd(fid).Changes ??= new()).Count++;
    }

    public void EndChange(Fid fid)
    {
        lock (_lock)
        {
            ref VnodeSlot slot = ref _slots[_index[fid]];
            ChangesUnderWay changes = slot.Changes!;
            if (--changes.Count > 0)
                return;
            slot.Changes = null;
            if (changes.DropAll() is { } newest)
            {
                // The gap stays open: somebody else's change is in it.
                Set(ref slot, newest);
                slot.Promised = 0;
            }
            DropIfEmpty(fid, ref slot);
        }
    }

    /// <summary>Completes when mutations of this client that leave a gap have been answered; null where there is none.</summary>
    public Task? WhenSettled(Fid fid)
    {
        lock (_lock)
            return _index.TryGetValue(fid, out int at) && _slots[at].Changes is { HasGap: true } changes ? changes.Settled : null;
    }

    /// <summary>The promise is gone. The break log has been told.</summary>
    public void Break(Fid fid)
    {
        lock (_lock)
        {
            if (!_index.TryGetValue(fid, out int at))
                return;
            ref VnodeSlot slot = ref _slots[at];
            slot.Promised = 0;
            if (slot.Changes?.DropAll() is { } newest)
                Set(ref slot, newest);
        }
    }

    /// <summary>The server says that it holds at this version: rules R2 and R3.</summary>
    public void Revalidate(Fid fid, StatusVersion version, CallMark mark)
    {
        lock (_lock)
        {
            if (_index.TryGetValue(fid, out int at) && _slots[at].Status is { } status && status.StatusVersion == version && !_slots[at].IsRemoved)
                _slots[at].Promised = PromiseRules.Grant(mark, breaks.HasMoved(fid, mark.Breaks));
        }
    }

    /// <summary>The server says that it doesn't hold: it is fetched when it is needed. Not where it was fetched since.</summary>
    public void DropSuspect(Fid fid, uint generation)
    {
        lock (_lock)
        {
            if (_index.TryGetValue(fid, out int at) && _slots[at].Promised != generation)
                _slots[at].Promised = 0;
        }
    }

    /// <summary>The vnode is gone. Its last status stays, without names, for whoever has it open here.</summary>
    public void Remove(Fid fid)
    {
        lock (_lock)
        {
            if (!_index.TryGetValue(fid, out int at))
                return;
            ref VnodeSlot slot = ref _slots[at];
            slot.Promised = 0;
            if (slot.Retained > 0 && slot.Status is { } status)
            {
                slot.IsRemoved = true;
                Set(ref slot, status with { LinkCount = 0 });
            }
            else
                Set(ref slot, null);
            DropIfEmpty(fid, ref slot);
        }
    }

    /// <summary>A change that only this client can see: of a vnode that is gone.</summary>
    public void ReplaceRemoved(FetchStatus status)
    {
        lock (_lock)
        {
            if (_index.TryGetValue(status.Fid, out int at) && _slots[at].IsRemoved)
                Set(ref _slots[at], status);
        }
    }

    public void Retain(Fid fid)
    {
        lock (_lock)
            GetOrAdd(fid).Retained++;
    }

    public void Release(Fid fid)
    {
        lock (_lock)
        {
            ref VnodeSlot slot = ref _slots[_index[fid]];
            if (--slot.Retained < 0)
                throw new UnreachableException($"{fid} was released more often than retained.");
            if (slot.Retained == 0 && slot.IsRemoved)
                Set(ref slot, null);
            DropIfEmpty(fid, ref slot);
        }
    }

    /// <summary>Adds all whose promise is of an older generation, and not broken singly.</summary>
    public void CollectSuspect(uint generation, List<FetchStatus> into)
    {
        lock (_lock)
        {
            for (int at = 0; at < _used; at++)
            {
                ref VnodeSlot slot = ref _slots[at];
                if (slot.IsInUse && slot.Promised != 0 && slot.Promised != generation && slot.Status is { } status && !slot.IsRemoved)
                    into.Add(status);
            }
        }
    }

    /// <summary>Forgets every status: they are of another incarnation of the volume.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            for (int at = 0; at < _used; at++)
            {
                ref VnodeSlot slot = ref _slots[at];
                if (!slot.IsInUse || slot.IsRemoved)
                    continue;
                Set(ref slot, null);
                slot.Promised = 0;
                slot.Changes?.DropAll();
                DropIfEmpty(slot.Fid, ref slot);
            }
        }
    }

    /// <summary>What must hold between any two calls; for tests.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            int inUse = 0;
            for (int at = 0; at < _slots.Length; at++)
            {
                ref VnodeSlot slot = ref _slots[at];
                if (!slot.IsInUse)
                    continue;
                inUse++;
                bool isFound = _index.TryGetValue(slot.Fid, out int found) && found == at;
                bool isPromisedNothing = slot.Promised != 0 && slot.Status is null;
                bool isUseless = slot.Status is null && slot.MayEvict;
                if (!isFound || isPromisedNothing || isUseless || slot.Status is { } status && status.Fid != slot.Fid)
                    throw new UnreachableException($"Slot {at} of {slot.Fid} is inconsistent.");
                slot.Changes?.CheckInvariants(slot.Status);
            }
            if (inUse != _index.Count)
                throw new UnreachableException($"{inUse} slots are in use, {_index.Count} are indexed.");
        }
    }

    private ref VnodeSlot GetOrAdd(Fid fid)
    {
        if (_index.TryGetValue(fid, out int found))
            return ref _slots[found];
        if (_index.Count >= most)
            EvictOne();
        if (!_free.TryPop(out int at))
        {
            at = _used++;
            if (at == _slots.Length)
                Array.Resize(ref _slots, _slots.Length * 2);
        }
        _index.Add(fid, at);
        _slots[at] = new VnodeSlot { Fid = fid, Used = true };
        return ref _slots[at];
    }

    /// <summary>Second chance: the hand passes those used since it last came by. Retained ones stay, so the table can grow past its limit by them.</summary>
    private void EvictOne()
    {
        for (int steps = 0; steps < MostSteps; steps++)
        {
            _hand = (_hand + 1) % _used;
            ref VnodeSlot slot = ref _slots[_hand];
            if (!slot.IsInUse || !slot.MayEvict)
                continue;
            if (slot.Used)
            {
                slot.Used = false;
                continue;
            }
            if (slot.Promised != 0)
                evicted(slot.Fid);
            Free(slot.Fid);
            return;
        }
    }

    private void DropIfEmpty(Fid fid, ref VnodeSlot slot)
    {
        if (slot.Status is null && slot.MayEvict)
            Free(fid);
    }

    private void Free(Fid fid)
    {
        _index.Remove(fid, out int at);
        NoteFreed(ref _slots[at]);
        _slots[at] = default;
        _free.Push(at);
    }
}
