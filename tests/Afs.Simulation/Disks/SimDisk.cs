namespace Afs.Simulation;

/// <summary>
/// A machine's disk, which outlives the machine's lives. Names are changed in a journal, which SyncDirectory writes out; power loss keeps
/// some first part of the rest.
/// </summary>
internal sealed class SimDisk
{
    private readonly List<Action<Dictionary<string, SimInode>>> _journal = [];
    private readonly HashSet<string> _folders = [];
    private Dictionary<string, SimInode> _names = [];
    private Dictionary<string, SimInode> _stable = [];

    // Every change has a time of its own, as with the kernel's multigrain timestamps.
    private long _lastNs;

    /// <summary>Nothing more fits on it, but for what applications write into files that they have open.</summary>
    public bool IsFull { get; set; }

    /// <summary>The disk as one life of the machine uses it.</summary>
    public SimDiskView For(SimHost host, TimeProvider time) => new(this, host, time);

    public SimInode? Find(string name) => _names.GetValueOrDefault(name);

    public IReadOnlyList<string> List(string folder)
    {
        string prefix = folder + "/";
        return
        [
            .. _names.Keys.Concat(_folders.Select(static f => f + "/"))
                .Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && name.TrimEnd('/').LastIndexOf('/') == prefix.Length - 1)
                .Select(name => name[prefix.Length..]).Order(StringComparer.Ordinal),
        ];
    }

    public void MakeFolder(string name) => _folders.Add(name);

    public void Change(Action<Dictionary<string, SimInode>> change)
    {
        change(_names);
        _journal.Add(change);
    }

    public void SyncNames()
    {
        _stable = new(_names);
        _journal.Clear();
    }

    public void LosePower(Random random)
    {
        var kept = new Dictionary<string, SimInode>(_stable);
        foreach (Action<Dictionary<string, SimInode>> change in _journal.Take(random.Next(_journal.Count + 1)))
            change(kept);
        _names = kept;
        SyncNames();
        foreach (SimInode inode in _names.OrderBy(static p => p.Key, StringComparer.Ordinal).Select(static p => p.Value))
            inode.LosePower(random);
    }

    public long NextTimeNs(TimeProvider time) =>
        _lastNs = Math.Max(_lastNs + 1, (time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) * 100);
}
