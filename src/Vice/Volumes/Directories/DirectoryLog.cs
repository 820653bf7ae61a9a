using Afs.Rules;
using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>
/// The latest changes of directories, so that a client that has a recent version gets only what changed. In memory, bounded over
/// all directories; what is forgotten costs a full listing. Safe for concurrent use.
/// </summary>
/// <param name="capacity">Changes kept, of all directories together.</param>
public sealed class DirectoryLog(int capacity)
{
    /// <summary>More changes than this for each name that a delta may have are not looked through: a full listing is cheaper.</summary>
    private const int MostChangesPerName = 4;

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
                history.Add(change);
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
            if (history.TryBetween(have, current, MostChangesPerName * most) is not { } between)
                return null;
            changes = between;
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
            if (_order.Count > capacity || _order.Count != _histories.Values.Sum(static history => history.Count))
                throw new InvalidOperationException($"Directory log: {_order.Count} changes are in line, of {_histories.Count} directories.");
            foreach ((Fid fid, History history) in _histories)
            {
                ulong before = history.KnownFrom;
                foreach (NameChange change in history.All)
                {
                    if (change.Directory != fid || change.Version.Value < before)
                        throw new InvalidOperationException($"Directory log: version {change.Version} of {change.Directory} comes after {before} of {fid}.");
                    before = change.Version.Value;
                }
                if (history.Count == 0 || before != history.Latest)
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
        history.ForgetOldest();
        if (history.Count == 0)
            _histories.Remove(directory);
    }

    /// <summary>
    /// A directory's changes, by rising version. Who asks for the last few finds them without a look at the others: a large directory that two clients
    /// work in is asked about after each change.
    /// </summary>
    private sealed class History
    {
        private readonly List<NameChange?> _changes = [];

        // Of the list so many from the front are forgotten.
        private int _forgotten;

        /// <summary>All changes after this version are here.</summary>
        public ulong KnownFrom { get; set; }

        public ulong Latest { get; private set; }

        public int Count => _changes.Count - _forgotten;

        public IEnumerable<NameChange> All => _changes.Skip(_forgotten)!;

        public void Add(NameChange change)
        {
            _changes.Add(change);
            Latest = change.Version.Value;
        }

        public void ForgetOldest()
        {
            KnownFrom = _changes[_forgotten]!.Version.Value;
            _changes[_forgotten++] = null;
            if (_forgotten * 2 < _changes.Count)
                return;
            _changes.RemoveRange(0, _forgotten);
            _forgotten = 0;
        }

        /// <summary>Those after one version up to another; null where they are too many.</summary>
        public List<NameChange>? TryBetween(DataVersion have, DataVersion current, int most)
        {
            int first = FirstAfter(have), end = FirstAfter(current);
            if (end - first > most)
                return null;
            var between = new List<NameChange>(end - first);
            for (int i = first; i < end; i++)
                between.Add(_changes[i]!);
            return between;
        }

        private int FirstAfter(DataVersion version)
        {
            (int low, int high) = (_forgotten, _changes.Count);
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (_changes[middle]!.Version.Value > version.Value)
                    high = middle;
                else
                    low = middle + 1;
            }
            return low;
        }
    }
}
