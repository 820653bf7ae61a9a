using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>
/// The latest changes of directories, so that a client that has a recent version gets only what changed. In memory, bounded over
/// all directories; what is forgotten costs a full listing. Safe for concurrent use.
/// </summary>
/// <param name="capacity">Changes kept, of all directories together.</param>
public sealed class DirectoryLog(int capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, History> _histories = [];
    private readonly Queue<Fid> _order = new();

    /// <summary>Changes kept.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _order.Count;
        }
    }

    /// <summary>Adds what one mutation changed. Mutations come in the order of their commits.</summary>
    public void Append(IReadOnlyList<NameChange> changes)
    {
        lock (_lock)
        {
            foreach (NameChange change in changes)
            {
                if (!_histories.TryGetValue(change.Directory, out History? history))
                {
                    history = new History { KnownFrom = change.Version.Value - 1 };
                    _histories.Add(change.Directory, history);
                }
                history.Changes.Enqueue(change);
                history.Latest = change.Version.Value;
                _order.Enqueue(change.Directory);
            }
            while (_order.Count > capacity)
                ForgetOldest();
        }
    }

    /// <summary>
    /// What changed after <paramref name="have"/> up to <paramref name="current"/>, one change for each name; null where that isn't
    /// known, or is more than <paramref name="most"/> names.
    /// </summary>
    public IReadOnlyList<DirectoryChange>? Between(Fid directory, DataVersion have, DataVersion current, int most)
    {
        if (have == current)
            return [];
        List<NameChange> changes;
        lock (_lock)
        {
            // The log may be behind a commit whose effects are on their way, or ahead of the view that current was read in.
            if (!_histories.TryGetValue(directory, out History? history) ||
                have.Value < history.KnownFrom || have.Value > current.Value || history.Latest < current.Value)
                return null;
            changes = [.. history.Changes.Where(c => c.Version.Value > have.Value && c.Version.Value <= current.Value)];
        }
        Dictionary<byte[], NameChange> latest = new(NameComparer.Instance);
        foreach (NameChange change in changes)
            latest[change.Name] = change;
        return latest.Count > most ? null : [.. latest.Values.Select(ToMessage)];
    }

    /// <summary>INVARIANT: what is counted is what there is, within the bound; the versions of each directory rise, and all that came after the first known one are there.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            if (_order.Count > capacity || _order.Count != _histories.Values.Sum(static history => history.Changes.Count))
                throw new InvalidOperationException($"Directory log: {_order.Count} changes are in line, of {_histories.Count} directories.");
            foreach ((Fid fid, History history) in _histories)
            {
                ulong before = history.KnownFrom;
                foreach (NameChange change in history.Changes)
                {
                    if (change.Directory != fid || change.Version.Value < before)
                        throw new InvalidOperationException($"Directory log: version {change.Version} of {change.Directory} comes after {before} of {fid}.");
                    before = change.Version.Value;
                }
                if (history.Changes.Count == 0 || before != history.Latest)
                    throw new InvalidOperationException($"Directory log: the latest version of {fid} is {before}, not {history.Latest}.");
            }
        }
    }

    private static DirectoryChange ToMessage(NameChange change) => new()
    {
        Name = change.Name,
        IsSet = change.IsSet,
        Fid = change.Target,
        Type = change.Type,
    };

    private void ForgetOldest()
    {
        Fid directory = _order.Dequeue();
        History history = _histories[directory];
        history.KnownFrom = history.Changes.Dequeue().Version.Value;
        if (history.Changes.Count == 0)
            _histories.Remove(directory);
    }

    private sealed class History
    {
        /// <summary>All changes after this version are here.</summary>
        public ulong KnownFrom { get; set; }

        public ulong Latest { get; set; }

        public Queue<NameChange> Changes { get; } = new();
    }
}
