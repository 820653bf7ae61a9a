using System.Diagnostics;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Callbacks;

/// <summary>
/// What the server calls. The order is the protocol: first the log, so that replies on their way grant nothing; then the status, so that nobody
/// here trusts it; then the kernel, with no lock held; then the acknowledgement, on which a writer somewhere waits.
/// </summary>
internal sealed class BreakReceiver(VolumeId volume, BreakLog breaks, VnodeTable table, ServerTrust trust, KernelNotices kernel, CacheFigures figures, BreakFeed feed) : IVenusCallbacks
{
    public async ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
    {
        foreach (PromiseBreak broken in request.Breaks)
        {
            breaks.Note(broken.Fid);
            table.Break(broken.Fid);
        }
        feed.TellBroken(request.Breaks);
        figures.BreaksReceived.Add(request.Breaks.Count);
        if (request.Volumes.Count > 0)
        {
            // The connection is for this volume alone.
            breaks.NoteAll();
            trust.Distrust(SuspectReason.VolumeBroken);
            await kernel.InvalidateAllAsync(volume);
        }
        if (request.Breaks.Count > 0)
            await kernel.InvalidateAsync(request.Breaks);
        return new BreakPromisesReply();
    }

    /// <summary>Nobody here has asked for a lock.</summary>
    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) =>
        ValueTask.FromResult<Outcome<LocksDecidedReply>>(new LocksDecidedReply());
}

/// <summary>
/// The break counters of all fids in one: each break gets the next number, and the log knows the last number of each fid that was broken lately.
/// So it also answers for fids that nobody knew before the call (entries of a directory, a new file). It keeps the
/// latest <c>capacity</c> breaks; of a call older than those it says that everything was broken.
/// Its lock is a leaf: nothing is called while it is held.
/// </summary>
public class BreakLog(int capacity = BreakLog.DefaultCapacity)
{
    public const int DefaultCapacity = 65536;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, ulong> _last = [];
    private readonly Queue<(Fid Fid, ulong Sequence)> _order = [];
    private readonly Dictionary<Fid, int> _held = [];

    // Invariant: every break with a number above _forgotten is in _last, or a later one of its fid is.
    private ulong _forgotten;
    private ulong _sequence;

    public ulong Sequence
    {
        get
        {
            lock (_lock)
                return _sequence;
        }
    }

    /// <summary>A promise on <paramref name="fid"/> is gone.</summary>
    public void Note(Fid fid)
    {
        lock (_lock)
            Add(fid);
    }

    /// <summary>All promises are gone.</summary>
    public void NoteAll()
    {
        lock (_lock)
        {
            _forgotten = ++_sequence;
            _last.Clear();
            _order.Clear();
        }
    }

    /// <summary>Was the promise broken since <paramref name="since"/> was noted, or is it being given up?</summary>
    public virtual bool HasMoved(Fid fid, ulong since)
    {
        lock (_lock)
            return since < _forgotten || (_last.TryGetValue(fid, out ulong last) && last > since) || _held.ContainsKey(fid);
    }

    /// <summary>No promise is accepted for these until <see cref="Release"/>: they are being given up.</summary>
    public void Hold(IReadOnlyList<Fid> fids)
    {
        lock (_lock)
        {
            foreach (Fid fid in fids)
                _held[fid] = _held.GetValueOrDefault(fid) + 1;
        }
    }

    /// <summary>The server answered, or never will: calls made until here get no promise for these.</summary>
    public void Release(IReadOnlyList<Fid> fids)
    {
        lock (_lock)
        {
            foreach (Fid fid in fids)
            {
                if (--_held[fid] == 0)
                    _held.Remove(fid);
                Add(fid);
            }
        }
    }

    private void Add(Fid fid)
    {
        _last[fid] = ++_sequence;
        _order.Enqueue((fid, _sequence));
        while (_order.Count > capacity)
        {
            (Fid oldest, ulong sequence) = _order.Dequeue();
            if (_last.TryGetValue(oldest, out ulong last) && last == sequence)
                _last.Remove(oldest);
            _forgotten = sequence;
        }
    }

    /// <summary>
    /// INVARIANT: numbers rise; every break with a number above the forgotten ones is in the index, or a later one of its fid is; nothing else is.
    /// </summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            ulong before = _forgotten;
            int newest = 0;
            foreach ((Fid fid, ulong sequence) in _order)
            {
                bool isIndexed = _last.TryGetValue(fid, out ulong last) && last >= sequence;
                if (sequence <= before || sequence > _sequence || !isIndexed)
                    throw new UnreachableException($"Break {sequence} of {fid} is out of order or forgotten too early.");
                newest += last == sequence ? 1 : 0;
                before = sequence;
            }
            if (newest != _last.Count || _order.Count > capacity || _forgotten > _sequence)
                throw new UnreachableException($"The break log has {_order.Count} breaks of {_last.Count} fids, {newest} of them the newest.");
            if (_held.Values.Any(static count => count <= 0))
                throw new UnreachableException("A fid is held by nobody.");
        }
    }
}

/// <summary>
/// Promises that are no longer needed, until <see cref="GiveUps"/> sends them back. Bounded: past the limit they are just forgotten, and a break for one costs one message.
/// </summary>
internal sealed class UnneededPromises
{
    private const int Most = 4 * Limits.FidsPerGiveUp;

    private readonly Lock _lock = new();
    private readonly HashSet<Fid> _waiting = [];

    /// <summary>Takes a leaf lock only.</summary>
    public void Add(Fid fid)
    {
        lock (_lock)
        {
            if (_waiting.Count < Most)
                _waiting.Add(fid);
        }
    }

    /// <summary>As many as one call may name.</summary>
    public List<Fid> Take()
    {
        lock (_lock)
        {
            List<Fid> batch = [.. _waiting.Take(Limits.FidsPerGiveUp)];
            _waiting.ExceptWith(batch);
            return batch;
        }
    }

    /// <summary>INVARIANT: no more wait than may.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            if (_waiting.Count > Most)
                throw new UnreachableException($"{_waiting.Count} promises wait to be given up.");
        }
    }
}

/// <summary>
/// Promises that are no longer needed go back to the server in batches. While one is given up no new one is accepted for the same fid (rule E3
/// of PromiseRules).
/// </summary>
internal sealed class GiveUps(UnneededPromises unneeded, VnodeTable table, ServerTrust trust, BreakLog breaks, ViceCalls calls)
{
    public async Task SendAsync(OperationContext operation)
    {
        while (unneeded.Take() is { Count: > 0 } batch)
        {
            breaks.Hold(batch);
            try
            {
                // One that was fetched again since is needed. From here on none can be.
                List<Fid> unpromised = [.. batch.Where(fid => !IsPromised(fid))];
                if (unpromised.Count > 0)
                {
                    await calls.ReadAsync(
                        (vice, context) => vice.GiveUpPromisesAsync(new GiveUpPromisesRequest { Fids = unpromised }, context), operation);
                }
            }
            finally
            {
                breaks.Release(batch);
            }
        }
    }

    private bool IsPromised(Fid fid) => table.TryRead(fid, out _, out uint promised, out _) && trust.Holds(promised);
}
