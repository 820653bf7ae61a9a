using Afs.Venus.Cache;

namespace Afs.Simulation;

/// <summary>The rows of a container index, which outlive the machine's lives. Power loss takes the latest changes back to some earlier one.</summary>
internal sealed class SimIndexDisk
{
    private readonly List<IndexChange> _unsynced = [];
    private Dictionary<ContainerId, ContainerRecord> _stable = [];

    public Dictionary<ContainerId, ContainerRecord> Rows { get; private set; } = [];

    public void Make(IndexChange change)
    {
        Make(Rows, change);
        _unsynced.Add(change);
    }

    public void Sync()
    {
        _stable = new(Rows);
        _unsynced.Clear();
    }

    public void LosePower(Random random)
    {
        Rows = new(_stable);
        foreach (IndexChange change in _unsynced.Take(random.Next(_unsynced.Count + 1)))
            Make(Rows, change);
        Sync();
    }

    private static void Make(Dictionary<ContainerId, ContainerRecord> rows, IndexChange change)
    {
        if (change.Put is { } row)
            rows[row.Id] = row;
        else
            rows.Remove(change.Id);
    }
}
