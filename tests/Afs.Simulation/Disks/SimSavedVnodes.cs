using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>What a client saved of statuses and names for its next life. Power loss takes the latest transactions.</summary>
internal sealed class SimSavedVnodes
{
    private readonly List<SavedChanges> _transactions = [];
    private VolumeIdentity? _identity;

    public ISavedVnodes For(SimHost host) => new View(this, host);

    public void LosePower(Random random)
    {
        int kept = random.Next(_transactions.Count + 1);
        _transactions.RemoveRange(kept, _transactions.Count - kept);
    }

    private sealed class View(SimSavedVnodes disk, SimHost host) : ISavedVnodes
    {
        public void Begin(VolumeIdentity identity)
        {
            host.Step();
            if (disk._identity != identity)
                disk._transactions.Clear();
            disk._identity = identity;
        }

        public void BeginAnew(VolumeIdentity identity)
        {
            host.Step();
            disk._transactions.Clear();
            disk._identity = identity;
        }

        public void Read(Action<FetchStatus> status, Action<SavedDirectory> directory)
        {
            Dictionary<Fid, FetchStatus> statuses = [];
            Dictionary<Fid, SavedDirectory> directories = [];
            foreach (SavedChanges changes in disk._transactions)
            {
                changes.Removed.ForEach(fid => _ = statuses.Remove(fid) | directories.Remove(fid));
                changes.Statuses.ForEach(saved => statuses[saved.Fid] = saved);
                changes.Directories.ForEach(saved => directories[saved.Fid] = saved);
            }
            foreach (FetchStatus saved in statuses.Values)
                status(saved);
            foreach (SavedDirectory saved in directories.Values)
                directory(saved);
        }

        public void Save(SavedChanges changes)
        {
            host.Step();
            disk._transactions.Add(changes);
        }

        public void Dispose()
        {
        }
    }
}
