namespace Afs.Fuse.Session;

/// <summary>
/// Which requests have no reply yet, so that an INTERRUPT finds its target. Bounded by the reader threads and the pending
/// requests together. An INTERRUPT may overtake its target on another reader thread: the last
/// <see cref="MaxEarlyInterrupts"/> that found nothing are kept, and hit the target when it registers. Ids never come twice
/// (but for RESEND, which marks them), so one that was kept for a request long answered does no harm.
/// </summary>
internal sealed class InFlightTable
{
    private const int MaxEarlyInterrupts = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, RequestSlot> _slots = [];
    private readonly HashSet<ulong> _interrupted = [];
    private readonly Queue<ulong> _early = new(MaxEarlyInterrupts);

    public void Register(RequestSlot slot)
    {
        ulong id = slot.Header.Id.Value;
        lock (_lock)
        {
            _slots[id] = slot;
            if (_early.Count == 0 || !_early.Contains(id))
            {
                return;
            }

            _interrupted.Add(id);
        }

        slot.InterruptSource.Cancel();
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
            if (!_slots.TryGetValue(target.Value, out RequestSlot? slot))
            {
                if (_early.Count == MaxEarlyInterrupts)
                {
                    _early.Dequeue();
                }

                _early.Enqueue(target.Value);
                return;
            }

            if (!_interrupted.Add(target.Value))
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
