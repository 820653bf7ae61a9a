using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// What of the shard is to be saved for the next start.
/// INVARIANT: a slot whose status differs from its saved row, or that has none, is marked unsaved; a saved row whose slot is gone is among the freed.
/// The freed are bounded by the saved rows.
/// </summary>
internal sealed partial class VnodeShard
{
    private readonly List<Fid> _freed = [];
    private int _unsaved;

    /// <summary>A status that an earlier daemon saved, suspect until it is validated. Nothing where the shard is full, or knows better.</summary>
    public void Restore(FetchStatus status)
    {
        lock (_lock)
        {
            if (_index.ContainsKey(status.Fid))
                return;
            if (_index.Count >= most)
            {
                _freed.Add(status.Fid);
                return;
            }
            ref VnodeSlot slot = ref GetOrAdd(status.Fid);
            (slot.Status, slot.Promised, slot.IsSaved, slot.Used) = (status, Callbacks.PromiseRules.Restored, true, false);
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
        slot.Status = status;
        if (slot.IsUnsaved)
            return;
        slot.IsUnsaved = true;
        _unsaved++;
    }

    private void NoteFreed(ref VnodeSlot slot)
    {
        if (slot.IsSaved)
            _freed.Add(slot.Fid);
        if (slot.IsUnsaved)
            _unsaved--;
    }
}
