namespace Afs.Venus.Tests;

/// <summary>How much of what wasn't synced a loss of power leaves.</summary>
internal enum Survival
{
    /// <summary>Of each file's changes the first so many; the last of them perhaps in part.</summary>
    Prefix,

    /// <summary>Of each change, and of each 4 KiB of a write, either.</summary>
    Random,
}

/// <summary>Goes through what was done to a disk, and makes the disks that losses of power on the way could have left.</summary>
internal sealed class PowerLossReplay(IReadOnlyList<DiskChange> changes, Random random)
{
    /// <param name="disk">What is on it now is on stable storage, and nothing was done to it yet.</param>
    public PowerLossReplay(TracedDisk disk, Random random)
        : this(disk.Changes, random)
    {
        foreach ((string name, MemoryFile file) in disk.Names)
        {
            _names[name] = file;
            _files[file] = new State { Durable = file.Copy() };
        }
    }

    private const int SectorBytes = 4096;

    /// <summary>How many of the pieces that weren't synced survive, by turns: with half of them the first few end a log, with nearly all of them it has holes.</summary>
    private static readonly double[] Shares = [0.5, 0.9, 0.99];

    private readonly Dictionary<MemoryFile, State> _files = [];
    private readonly Dictionary<string, MemoryFile> _names = [];
    private readonly List<DiskChange.Name> _pendingNames = [];
    private int _at;
    private double _share = 0.5;

    /// <summary>The last number that was acknowledged before; null: none was.</summary>
    public int? Acknowledged { get; private set; }

    /// <summary>All of the changes before this one happened. Only forwards.</summary>
    public void GoTo(int change)
    {
        for (; _at < change; _at++)
            Make(changes[_at]);
    }

    public TracedDisk LosePower(Survival survival)
    {
        _share = survival == Survival.Random ? Shares[random.Next(Shares.Length)] : 0.5;
        var names = new Dictionary<string, MemoryFile>(_names);
        foreach (DiskChange.Name name in _pendingNames.Take(random.Next(_pendingNames.Count + 1)))
            Set(names, name);
        Dictionary<MemoryFile, MemoryFile> left = names.Values.Distinct().ToDictionary(static file => file, file => Leave(_files.GetValueOrDefault(file) ?? new State(), survival));
        return new TracedDisk(names.ToDictionary(static name => name.Key, name => left[name.Value]));
    }

    private void Make(DiskChange change)
    {
        switch (change)
        {
            case DiskChange.Write write:
                Of(write.File).Pending.Add(write);
                break;
            case DiskChange.Cut cut:
                Of(cut.File).Pending.Add(cut);
                break;
            case DiskChange.Sync sync:
                State state = Of(sync.File);
                foreach (DiskChange pending in state.Pending)
                    Apply(state.Durable, pending);
                state.Pending.Clear();
                break;
            case DiskChange.LostSync lost:
                Of(lost.File).Pending.Clear();
                break;
            case DiskChange.Name name:
                _pendingNames.Add(name);
                break;
            case DiskChange.SyncNames:
                _pendingNames.ForEach(name => Set(_names, name));
                _pendingNames.Clear();
                break;
            case DiskChange.Acknowledgement acknowledgement:
                Acknowledged = acknowledgement.Number;
                break;
        }
    }

    private MemoryFile Leave(State state, Survival survival)
    {
        MemoryFile left = state.Durable.Copy();
        int kept = survival == Survival.Prefix ? random.Next(state.Pending.Count + 1) : state.Pending.Count;
        for (int i = 0; i < kept; i++)
        {
            bool isTorn = survival == Survival.Random || i == kept - 1;
            if (!isTorn)
                Apply(left, state.Pending[i]);
            else if (state.Pending[i] is DiskChange.Write write)
                ApplyTorn(left, write, survival);
            else if (Survives())
                Apply(left, state.Pending[i]);
        }
        return left;
    }

    private void ApplyTorn(MemoryFile left, DiskChange.Write write, Survival survival)
    {
        for (int from = 0; from < write.Data.Length;)
        {
            int to = (int)Math.Min(write.Data.Length, ((write.At + from) / SectorBytes + 1) * SectorBytes - write.At);
            if (Survives())
                left.Write(write.At + from, write.Data.AsSpan(from, to - from));
            else if (survival == Survival.Prefix)
                return;
            from = to;
        }
    }

    private bool Survives() => random.NextDouble() < _share;

    private static void Apply(MemoryFile file, DiskChange change)
    {
        if (change is DiskChange.Write write)
            file.Write(write.At, write.Data);
        else if (change is DiskChange.Cut cut)
            file.SetLength(cut.LengthBytes);
    }

    private static void Set(Dictionary<string, MemoryFile> names, DiskChange.Name name)
    {
        if (name.File is null)
            names.Remove(name.At);
        else
            names[name.At] = name.File;
    }

    private State Of(MemoryFile file)
    {
        if (!_files.TryGetValue(file, out State? state))
            _files.Add(file, state = new State());
        return state;
    }

    private sealed class State
    {
        public MemoryFile Durable { get; init; } = new();

        public List<DiskChange> Pending { get; } = [];
    }
}
