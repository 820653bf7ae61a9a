using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Owns the statuses and promises of all cached vnodes; bounded. Split by hash so that reader threads seldom meet at a lock.
/// What a call of each method means is told at <see cref="VnodeShard"/>.
/// </summary>
internal sealed class VnodeTable
{
    private const int Shards = 64;

    private readonly VnodeShard[] _shards = new VnodeShard[Shards];

    /// <param name="mostTargetBytes">Of the targets of all symlinks together.</param>
    /// <param name="evicted">Gets those whose promise is no longer needed; called under a shard's lock, must not wait.</param>
    public VnodeTable(int mostVnodes, long mostTargetBytes, BreakLog breaks, Action<Fid> evicted)
    {
        for (int i = 0; i < Shards; i++)
            _shards[i] = new VnodeShard(Math.Max(1, mostVnodes / Shards), mostTargetBytes / Shards, breaks, evicted);
    }

    public int Count => _shards.Sum(static s => s.Count);

    public long TargetBytes => _shards.Sum(static s => s.TargetBytes);

    public bool TryRead(Fid fid, [NotNullWhen(true)] out FetchStatus? status, out uint promised, out bool isRemoved) =>
        Shard(fid).TryRead(fid, out status, out promised, out isRemoved);

    public FetchStatus Grant(FetchStatus status, CallMark mark) => Shard(status.Fid).Grant(status, mark);

    public void Keep(FetchStatus status, CallMark mark) => Shard(status.Fid).Keep(status, mark);

    public bool IsDisowned(Fid fid, CallMark mark) => Shard(fid).IsDisowned(fid, mark);

    public void BeginChange(Fid fid) => Shard(fid).BeginChange(fid);

    public void EndChange(Fid fid) => Shard(fid).EndChange(fid);

    public Task? WhenSettled(Fid fid) => Shard(fid).WhenSettled(fid);

    public void Break(Fid fid) => Shard(fid).Break(fid);

    public void Revalidate(Fid fid, StatusVersion version, CallMark mark) => Shard(fid).Revalidate(fid, version, mark);

    public void DropSuspect(Fid fid, uint generation) => Shard(fid).DropSuspect(fid, generation);

    public void Disown(Fid fid) => Shard(fid).Disown(fid);

    public void Remove(Fid fid) => Shard(fid).Remove(fid);

    public void ReplaceRemoved(FetchStatus status) => Shard(status.Fid).ReplaceRemoved(status);

    public void Retain(Fid fid) => Shard(fid).Retain(fid);

    public void Release(Fid fid) => Shard(fid).Release(fid);

    public List<FetchStatus> CollectSuspect(uint generation)
    {
        var all = new List<FetchStatus>();
        foreach (VnodeShard shard in _shards)
            shard.CollectSuspect(generation, all);
        return all;
    }

    public void RestoreRemoved(FetchStatus last) => Shard(last.Fid).RestoreRemoved(last);

    public void Restore(FetchStatus status) => Shard(status.Fid).Restore(status);

    /// <summary>Takes up to <paramref name="atMost"/> of what changed since it was last taken, to be saved. True: there is more.</summary>
    public bool TakeUnsaved(SavedChanges into, int atMost)
    {
        bool isMore = false;
        foreach (VnodeShard shard in _shards)
            isMore |= shard.TakeUnsaved(into, atMost);
        return isMore;
    }

    public void Clear()
    {
        foreach (VnodeShard shard in _shards)
            shard.Clear();
    }

    /// <summary>What must hold between any two calls; for tests.</summary>
    public void CheckInvariants()
    {
        foreach (VnodeShard shard in _shards)
            shard.CheckInvariants();
    }

    private VnodeShard Shard(Fid fid) => _shards[(uint)(fid.Vnode.Value * 0x9E3779B97F4A7C15 >> 32) % Shards];
}

/// <summary>
/// A part of the vnode table, by hash of the fid. Slots are values in one array, so that a full table is few objects to the garbage
/// collector. Every method takes the lock for some tens of nanoseconds; under it only the break log's is taken.
/// </summary>
internal sealed class VnodeShard(int most, long mostTargetBytes, BreakLog breaks, Action<Fid> evicted)
{
    /// <summary>How far the eviction looks before the table rather grows by one.</summary>
    private const int MostSteps = 1024;

    private const int MostDisowned = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, int> _index = [];
    private readonly Stack<int> _free = [];

    /// <summary>Those disowned lately, each with how far the break log had come.</summary>
    private readonly Dictionary<Fid, ulong> _disowned = [];
    private ulong _allDisowned;
    private VnodeSlot[] _slots = new VnodeSlot[16];
    private int _used;
    private int _hand;
    private long _targetBytes;
    private int _targetHand;

    public int Count
    {
        get
        {
            lock (_lock)
                return _index.Count;
        }
    }

    /// <summary>Of the symlinks' targets: of all that a status holds only they have a length that the server chooses.</summary>
    public long TargetBytes
    {
        get
        {
            lock (_lock)
                return _targetBytes;
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
            if (IsDisownedSince(status.Fid, mark))
            {
                Doubt(status.Fid);
                return status;
            }
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
    /// <param name="mark">From before its call.</param>
    public void Keep(FetchStatus status, CallMark mark)
    {
        lock (_lock)
        {
            if (IsDisownedSince(status.Fid, mark))
            {
                Doubt(status.Fid);
                return;
            }
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

    /// <summary>Its versions were never the server's, nor was its removal: any that the server says replaces it. Replies to calls from before count for nothing.</summary>
    public void Disown(Fid fid)
    {
        lock (_lock)
        {
            NoteDisowned(fid);
            if (!_index.TryGetValue(fid, out int at) || _slots[at].Status is not { } status)
                return;
            ref VnodeSlot slot = ref _slots[at];
            (slot.Promised, slot.IsRemoved) = (0, false);
            if (slot.Retained > 0)
                Set(ref slot, status with { StatusVersion = default, DataVersion = default });
            else
                Set(ref slot, null);
            DropIfEmpty(fid, ref slot);
        }
    }

    /// <summary>It was disowned after that mark was noted: a reply to a call from then brings back what never was.</summary>
    public bool IsDisowned(Fid fid, CallMark mark)
    {
        lock (_lock)
            return IsDisownedSince(fid, mark);
    }

    private bool IsDisownedSince(Fid fid, CallMark mark) => mark.Breaks < _allDisowned || _disowned.Count > 0 && _disowned.TryGetValue(fid, out ulong at) && mark.Breaks < at;

    /// <summary>This client changed it, or believed so, before it was disowned: what is known of it since may be of before that.</summary>
    private void Doubt(Fid fid)
    {
        breaks.Note(fid);
        if (_index.TryGetValue(fid, out int at))
            _slots[at].Promised = 0;
    }

    /// <summary>Where there are too many to be told apart, all count as disowned now.</summary>
    private void NoteDisowned(Fid fid)
    {
        if (_disowned.Count >= MostDisowned)
        {
            _disowned.Clear();
            _allDisowned = breaks.Sequence;
        }
        _disowned[fid] = breaks.Sequence;
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
            long targetBytes = 0;
            for (int at = 0; at < _slots.Length; at++)
            {
                ref VnodeSlot slot = ref _slots[at];
                if (!slot.IsInUse)
                    continue;
                inUse++;
                targetBytes += slot.TargetBytes;
                bool isFound = _index.TryGetValue(slot.Fid, out int found) && found == at;
                bool isPromisedNothing = slot.Promised != 0 && slot.Status is null;
                bool isUseless = slot.Status is null && slot.MayEvict;
                if (!isFound || isPromisedNothing || isUseless || slot.Status is { } status && status.Fid != slot.Fid)
                    throw new UnreachableException($"Slot {at} of {slot.Fid} is inconsistent.");
                slot.Changes?.CheckInvariants(slot.Status);
            }
            if (inUse != _index.Count)
                throw new UnreachableException($"{inUse} slots are in use, {_index.Count} are indexed.");
            if (targetBytes != _targetBytes)
                throw new UnreachableException($"The targets have {targetBytes} bytes, {_targetBytes} are counted.");
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

    /// <summary>
    /// Forgets symlinks until their targets are within the limit, by a second chance as above; where that isn't enough, retained ones too: who has them asks the
    /// server again, and what the kernel keeps of them is safe as before, for the server still promises it. Those of mutations on their way stay, and
    /// <paramref name="newest"/>.
    /// </summary>
    private void EvictTargets(Fid newest)
    {
        int round = 2 * _used;
        for (int steps = 0; _targetBytes > mostTargetBytes && steps < 2 * round; steps++)
        {
            _targetHand = (_targetHand + 1) % _used;
            ref VnodeSlot slot = ref _slots[_targetHand];
            bool mayGo = slot.Changes is null && (slot.Retained == 0 || steps >= round);
            if (slot.TargetBytes == 0 || !mayGo || slot.Fid == newest)
                continue;
            if (slot.Used)
            {
                slot.Used = false;
                continue;
            }
            if (slot.Retained == 0)
            {
                if (slot.Promised != 0)
                    evicted(slot.Fid);
                Free(slot.Fid);
                continue;
            }
            (slot.Promised, slot.IsRemoved) = (0, false);
            Set(ref slot, null);
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
        _targetBytes -= _slots[at].TargetBytes;
        _slots[at] = default;
        _free.Push(at);
    }

    private readonly List<Fid> _freed = [];
    private int _unsaved;

    /// <summary>A status that an earlier daemon saved, suspect until it is validated. Nothing where the shard is full, or knows better.</summary>
    public void Restore(FetchStatus status)
    {
        lock (_lock)
        {
            if (_index.ContainsKey(status.Fid))
                return;
            int targetBytes = status.SymlinkTarget?.Length ?? 0;
            if (_index.Count >= most || targetBytes > 0 && _targetBytes + targetBytes > mostTargetBytes)
            {
                _freed.Add(status.Fid);
                return;
            }
            ref VnodeSlot slot = ref GetOrAdd(status.Fid);
            (slot.Status, slot.Promised, slot.IsSaved, slot.Used) = (status, PromiseRules.Restored, true, false);
            _targetBytes += targetBytes;
        }
    }

    /// <summary>The last status of a vnode that was removed while it was in use under an earlier daemon. The caller retains it.</summary>
    public void RestoreRemoved(FetchStatus last)
    {
        lock (_lock)
        {
            ref VnodeSlot slot = ref GetOrAdd(last.Fid);
            slot.IsRemoved = true;
            slot.Promised = 0;
            Set(ref slot, last);
        }
    }

    /// <summary>Takes up to <paramref name="atMost"/> of what changed since it was last taken. True: there is more.</summary>
    public bool TakeUnsaved(SavedChanges into, int atMost)
    {
        lock (_lock)
        {
            into.Removed.AddRange(_freed);
            _freed.Clear();
            for (int at = 0; at < _used && _unsaved > 0; at++)
            {
                ref VnodeSlot slot = ref _slots[at];
                if (!slot.IsUnsaved)
                    continue;
                if (into.Count >= atMost)
                    return true;
                Take(ref slot, into);
            }
            return false;
        }
    }

    private void Take(ref VnodeSlot slot, SavedChanges into)
    {
        bool isWorthSaving = slot.Status is not null && !slot.IsRemoved;
        if (isWorthSaving)
            into.Statuses.Add(slot.Status!);
        else if (slot.IsSaved)
            into.Removed.Add(slot.Fid);
        slot.IsSaved = isWorthSaving;
        slot.IsUnsaved = false;
        _unsaved--;
    }

    private void Set(ref VnodeSlot slot, FetchStatus? status)
    {
        _targetBytes -= slot.TargetBytes;
        slot.Status = status;
        _targetBytes += slot.TargetBytes;
        if (!slot.IsUnsaved)
        {
            slot.IsUnsaved = true;
            _unsaved++;
        }
        if (slot.TargetBytes > 0 && _targetBytes > mostTargetBytes)
            EvictTargets(newest: slot.Fid);
    }

    private void NoteFreed(ref VnodeSlot slot)
    {
        if (slot.IsSaved)
            _freed.Add(slot.Fid);
        if (slot.IsUnsaved)
            _unsaved--;
    }
}

/// <summary>One cached vnode. A value in its shard's array, guarded by the shard's lock.</summary>
internal struct VnodeSlot
{
    public Fid Fid;

    /// <summary>Null: nothing is known, but the slot is retained or a mutation is on its way.</summary>
    public FetchStatus? Status;

    /// <summary>The generation of trust in which the promise holds; zero for none.</summary>
    public uint Promised;

    /// <summary>How often <see cref="IStatusCache.Retain"/> was called without a release.</summary>
    public int Retained;

    /// <summary>Set by use, cleared by the eviction's clock hand.</summary>
    public bool Used;

    /// <summary>The vnode is gone, removed through this client; the last status stays while the slot is retained.</summary>
    public bool IsRemoved;

    /// <summary>Mutations of this client on their way; null for none.</summary>
    public ChangesUnderWay? Changes;

    /// <summary>A row of it is saved for the next start, maybe an older one.</summary>
    public bool IsSaved;

    /// <summary>The status changed since it was last taken to be saved.</summary>
    public bool IsUnsaved;

    public readonly bool IsInUse => Fid != default;

    public readonly int TargetBytes => Status?.SymlinkTarget?.Length ?? 0;

    public readonly bool MayEvict => Retained == 0 && Changes is null;
}
