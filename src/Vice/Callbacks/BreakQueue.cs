using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>
/// The breaks that one client has yet to acknowledge. Those that come while a call is under way go together in the next one, and
/// several of one vnode as one. Bounded: past the bound they become one break of all volumes. Safe for concurrent use.
/// </summary>
internal sealed class BreakQueue
{
    /// <summary>Vnodes that may wait before everything is broken at once.</summary>
    public const int MostPending = 65_536;

    /// <summary>Names in one call: keeps it well below a frame.</summary>
    private const int MostNamesPerCall = 4 * Limits.NamesPerBreak;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, PendingBreak> _pending = [];
    private readonly Queue<Fid> _order = new();
    private BreakWait? _everything;
    private bool _isDelivering;

    /// <summary>True: nobody delivers, and the caller must see to it.</summary>
    public bool Add(HeldPromise promise, IReadOnlyList<byte[]>? names, BreakWait wait)
    {
        lock (_lock)
        {
            if (!_pending.TryGetValue(promise.Fid, out PendingBreak? pending))
            {
                pending = new PendingBreak(promise);
                _pending.Add(promise.Fid, pending);
                _order.Enqueue(promise.Fid);
            }
            pending.Merge(promise, names, wait);
            return StartDelivering();
        }
    }

    /// <summary>Everything that the client holds is to be broken. The wait is shared until the call that carries it is made.</summary>
    public BreakWait AddEverything(out bool mustDeliver)
    {
        lock (_lock)
        {
            _everything ??= new BreakWait();
            mustDeliver = StartDelivering();
            return _everything;
        }
    }

    public bool IsFull
    {
        get
        {
            lock (_lock)
                return _pending.Count >= MostPending;
        }
    }

    /// <summary>What the next call carries; null: nothing waits, and the delivery has ended.</summary>
    public BreakBatch? TakeBatch()
    {
        lock (_lock)
        {
            if (_everything is null && _pending.Count == 0)
            {
                _isDelivering = false;
                return null;
            }
            var batch = new BreakBatch(_everything);
            _everything = null;
            int names = 0;
            while (batch.Breaks.Count < Limits.BreaksPerCall && names < MostNamesPerCall && _order.TryDequeue(out Fid fid))
            {
                _pending.Remove(fid, out PendingBreak? pending);
                batch.Breaks.Add(pending!);
                names += pending!.NameCount;
            }
            return batch;
        }
    }

    /// <summary>INVARIANT: each vnode waits once and in line, somebody waits for it, and where anything waits it is being delivered.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            bool isInLine = _order.Count == _pending.Count && _order.All(_pending.ContainsKey) && _pending.Count <= MostPending;
            bool isWaitedFor = _pending.All(static pair => pair.Value.Promise.Fid == pair.Key && pair.Value.Waits.Count > 0);
            bool isDelivered = _isDelivering || _pending.Count == 0 && _everything is null;
            if (!isInLine || !isWaitedFor || !isDelivered)
                throw new InvalidOperationException($"Break queue: {_pending.Count} wait, {_order.Count} in line, delivered: {_isDelivering}.");
        }
    }

    private bool StartDelivering()
    {
        bool starts = !_isDelivering;
        _isDelivering = true;
        return starts;
    }
}
