using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A version of a file's content that differs from the one before it in these extents only; it may be longer.</summary>
public sealed record ContentChange(DataVersion Before, DataVersion Version, IReadOnlyList<Extent> Extents);

/// <summary>
/// Which extents the latest stores of parts changed, so that a client that has a recent version fetches only those. In memory, bounded over all files;
/// what is forgotten costs a whole fetch. Safe for concurrent use.
/// </summary>
/// <param name="capacity">Extents kept, of all files together. A change counts for one more than it has, for it may have none.</param>
public sealed class ContentLog(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, List<ContentChange>> _changes = [];
    private readonly Queue<(Fid Fid, ContentChange Change)> _order = new();
    private int _extents;

    /// <summary>What is kept counts for so many extents.</summary>
    public int Size
    {
        get
        {
            lock (_lock)
                return _extents;
        }
    }

    /// <summary>A store made a version that differs from the one before it in these extents. Stores come in the order of their commits.</summary>
    public void Append(Fid fid, ContentChange change)
    {
        lock (_lock)
        {
            if (!_changes.TryGetValue(fid, out List<ContentChange>? changes))
                _changes.Add(fid, changes = []);
            changes.Add(change);
            _order.Enqueue((fid, change));
            _extents += Count(change);
            while (_extents > capacity)
                ForgetOldest();
        }
    }

    /// <summary>In what the current version differs from an older one that may be shorter; null where that isn't known.</summary>
    public IReadOnlyList<Extent>? Between(Fid fid, DataVersion have, DataVersion current, long lengthBytes)
    {
        List<(long Start, long End)> ranges = [];
        lock (_lock)
        {
            if (!_changes.TryGetValue(fid, out List<ContentChange>? changes))
                return null;
            DataVersion reached = current;
            for (int i = changes.Count - 1; i >= 0 && reached != have; i--)
            {
                // The log may be ahead of the view that current was read in.
                if (changes[i].Version != reached)
                    continue;
                ranges.AddRange(changes[i].Extents.Select(static e => (e.OffsetBytes, e.EndBytes)));
                reached = changes[i].Before;
            }
            if (reached != have)
                return null;
        }
        ranges.Sort();
        return Extents.Cover(ranges, lengthBytes);
    }

    private void ForgetOldest()
    {
        (Fid fid, ContentChange change) = _order.Dequeue();
        _extents -= Count(change);
        List<ContentChange> changes = _changes[fid];
        changes.Remove(change);
        if (changes.Count == 0)
            _changes.Remove(fid);
    }

    /// <summary>INVARIANT: what is counted is what there is, within the bound; each change of a file begins where the one before it ended, or later.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            int extents = _changes.Values.Sum(static changes => changes.Sum(Count));
            if (extents != _extents || extents > capacity || _order.Count != _changes.Values.Sum(static changes => changes.Count))
                throw new InvalidOperationException($"Content log: {extents} extents, {_extents} are counted; {_order.Count} changes are in line.");
            foreach ((Fid fid, List<ContentChange> changes) in _changes)
            {
                bool isInOrder = changes.Zip(changes.Skip(1)).All(static pair => pair.First.Version.Value <= pair.Second.Before.Value);
                if (changes.Count == 0 || !isInOrder)
                    throw new InvalidOperationException($"Content log: the changes of {fid} are out of order.");
            }
        }
    }

    private static int Count(ContentChange change) => 1 + change.Extents.Count;
}
