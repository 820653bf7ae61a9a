using Afs.Venus.Cache;

namespace Afs.Simulation;

/// <summary>The rows of a container index, which outlive the machine's lives. Power loss takes the latest changes back to some earlier one.</summary>
internal sealed class SimIndexDisk
{
    private readonly List<(ContainerId Id, ContainerRecord? Row)> _unsynced = [];
    private Dictionary<ContainerId, ContainerRecord> _stable = [];

    /// <summary>Commits fail, and change nothing.</summary>
    public bool IsFailing { get; set; }

    public Dictionary<ContainerId, ContainerRecord> Rows { get; private set; } = [];

    /// <summary>Commits that failed.</summary>
    public long Refusals { get; private set; }

    /// <summary>A commit comes. False: it fails.</summary>
    public bool TryCommit()
    {
        if (IsFailing)
            Refusals++;
        return !IsFailing;
    }

    public void Make(ContainerId id, ContainerRecord? row)
    {
        Make(Rows, id, row);
        _unsynced.Add((id, row));
    }

    public void Sync()
    {
        _stable = new(Rows);
        _unsynced.Clear();
    }

    public void LosePower(Random random)
    {
        Rows = new(_stable);
        foreach ((ContainerId id, ContainerRecord? row) in _unsynced.Take(random.Next(_unsynced.Count + 1)))
            Make(Rows, id, row);
        Sync();
    }

    private static void Make(Dictionary<ContainerId, ContainerRecord> rows, ContainerId id, ContainerRecord? row)
    {
        if (row is not null)
            rows[id] = row;
        else
            rows.Remove(id);
    }
}
