using System.Diagnostics;
using Afs.Wire;

namespace Afs.Venus.Callbacks;

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
