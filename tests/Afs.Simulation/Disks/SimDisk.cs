
namespace Afs.Simulation;

/// <summary>
/// A machine's disk, which outlives the machine's lives. Each folder has a journal of what became of the names in it, which a sync of that folder writes out,
/// and no other; power loss keeps some first part of each.
/// </summary>
internal sealed class SimDisk
{
    private const string Root = ".";

    private readonly List<NameChange> _journal = [];
    private Dictionary<string, SimInode> _names = [];
    private readonly Dictionary<string, SimInode> _stable = [];

    private long _lastNs;

    /// <summary>File times move in these steps; zero: every change has a time of its own, as with the kernel's multigrain timestamps.</summary>
    public long TickNs { get; init; }

    /// <summary>Nothing more fits on it, but for what applications write into files that they have open.</summary>
    public bool IsFull { get; set; }

    /// <summary>The disk as one life of the machine uses it.</summary>
    public SimDiskView For(SimHost host, TimeProvider time) => new(this, host, time);

    public SimInode? Find(string name) => _names.TryGetValue(name, out SimInode? inode) && !inode.IsFolder ? inode : null;

    public bool HasFolder(string name) => name == Root || _names.TryGetValue(name, out SimInode? inode) && inode.IsFolder;

    /// <summary>Where a name is.</summary>
    public static string FolderOf(string name) => name.LastIndexOf('/') is var slash and >= 0 ? name[..slash] : Root;

    public IReadOnlyList<string> List(string folder)
    {
        string prefix = folder == Root ? "" : folder + "/";
        return
        [
            .. _names.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal) && FolderOf(pair.Key) == folder)
                .Select(pair => pair.Key[prefix.Length..] + (pair.Value.IsFolder ? "/" : "")).Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>Makes a folder and its parents, where missing.</summary>
    public void MakeFolder(string name)
    {
        if (HasFolder(name))
            return;
        MakeFolder(FolderOf(name));
        Change(new NameChange(name, new SimInode { IsFolder = true }));
    }

    public void Link(string name, SimInode inode) => Change(new NameChange(name, inode));

    public void Unlink(string name) => Change(new NameChange(name, null));

    public void Move(string from, string to) => Change(new NameChange(to, _names[from]) { From = from });

    /// <summary>What became of the names in this folder is on stable storage, and in no other. A file that came from another folder is gone there with that.</summary>
    public void SyncNames(string folder)
    {
        List<NameChange> left = [];
        foreach (NameChange change in _journal)
        {
            if (FolderOf(change.Name) != folder)
            {
                left.Add(change);
                continue;
            }
            change.Apply(_stable);
            if (change.From is { } from)
                left.RemoveAll(earlier => earlier.Name == from);
        }
        _journal.Clear();
        _journal.AddRange(left);
    }

    public void LosePower(Random random)
    {
        Dictionary<string, int> kept = _journal.GroupBy(static change => FolderOf(change.Name)).OrderBy(static folder => folder.Key, StringComparer.Ordinal)
            .ToDictionary(static folder => folder.Key, folder => random.Next(folder.Count() + 1));
        foreach (NameChange change in _journal)
        {
            if (kept[FolderOf(change.Name)]-- > 0)
                change.Apply(_stable);
        }
        foreach (string lost in _stable.Keys.Where(name => !IsReachable(name)).ToArray())
            _stable.Remove(lost);
        _names = new(_stable);
        _journal.Clear();
        foreach (SimInode inode in _names.OrderBy(static p => p.Key, StringComparer.Ordinal).Select(static p => p.Value))
            inode.LosePower(random);
    }

    public long NextTimeNs(TimeProvider time) => _lastNs = TickNs == 0 ? Math.Max(_lastNs + 1, Now(time)) : Math.Max(_lastNs, Tick(time));

    /// <summary>A change from here on gets a later time.</summary>
    public bool IsOver(long ns, TimeProvider time) => TickNs == 0 || ns < Math.Max(_lastNs, Tick(time));

    private static long Now(TimeProvider time) => (time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) * 100;

    private long Tick(TimeProvider time) => Now(time) / TickNs * TickNs;

    private void Change(NameChange change)
    {
        change.Apply(_names);
        _journal.Add(change);
    }

    /// <summary>A folder whose own name is gone takes along what is in it.</summary>
    private bool IsReachable(string name)
    {
        for (string folder = FolderOf(name); folder != Root; folder = FolderOf(folder))
        {
            if (!_stable.ContainsKey(folder))
                return false;
        }
        return true;
    }

    /// <summary>A change in the folder of <paramref name="Name"/>.</summary>
    /// <param name="Inode">What the name stands for from here on; null: nothing.</param>
    private sealed record NameChange(string Name, SimInode? Inode)
    {
        /// <summary>Where it was before. A file is never in two places, nor in none: both ends are written with the folder that it came to.</summary>
        public string? From { get; init; }

        public void Apply(Dictionary<string, SimInode> names)
        {
            if (From is not null && names.GetValueOrDefault(From) == Inode)
                names.Remove(From);
            if (Inode is null)
                names.Remove(Name);
            else
                names[Name] = Inode;
        }
    }
}
