using Afs.Fuse.Protocol;

namespace Afs.Fuse.Session;

/// <summary>
/// Which requests have no reply yet, so that an INTERRUPT finds its target. Bounded by the reader threads and the pending
/// requests together.
/// </summary>
internal sealed class InFlightTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, RequestSlot> _slots = [];
    private readonly HashSet<ulong> _interrupted = [];

    public void Register(RequestSlot slot)
    {
        lock (_lock)
        {
            _slots[slot.Header.Id.Value] = slot;
        }
    }

    /// <summary>False: it was answered, or its INTERRUPT overtook it on another reader thread.</summary>
    public bool TryFind(RequestId id, out RequestHeader header)
    {
        lock (_lock)
        {
            bool isThere = _slots.TryGetValue(id.Value, out RequestSlot? slot);
            header = isThere ? slot!.Header : default;
            return isThere;
        }
    }

    /// <summary>The request is about to be answered: no interrupt reaches it from here on.</summary>
    public void Unregister(RequestSlot slot)
    {
        ulong id = slot.Header.Id.Value;
        lock (_lock)
        {
            _slots.Remove(id);
            bool wasInterrupted = _interrupted.Count > 0 && _interrupted.Remove(id);
            slot.RenewToken(wasInterrupted);
        }
    }

    /// <summary>Sets the token of a request. Its callbacks run on the thread pool, not on this thread.</summary>
    public void Interrupt(RequestId target)
    {
        CancellationTokenSource source;
        lock (_lock)
        {
            if (!_slots.TryGetValue(target.Value, out RequestSlot? slot) || !_interrupted.Add(target.Value))
            {
                return;
            }

            source = slot.InterruptSource;
        }

        source.CancelAsync();
    }

    /// <summary>Interrupts everything: nobody can get a reply any more.</summary>
    public void InterruptAll()
    {
        ulong[] ids;
        lock (_lock)
        {
            ids = [.. _slots.Keys];
        }

        foreach (ulong id in ids)
        {
            Interrupt(new RequestId(id));
        }
    }
}
