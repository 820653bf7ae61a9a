using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Lets go of what is cached, because a person says so. Changes are stored first; what can't be stored, or is in use, stays.
/// </summary>
internal sealed class Discards(
    Statuses statuses, DirectoryCache directories, ContainerTable containers, CacheRoom room, IContentCache contents)
{
    /// <summary>How many files stay; or the failure of a store, after which the others are discarded all the same.</summary>
    public async Task<(int Kept, Failure Failure)> RunAsync(IEnumerable<Fid> fids, CancellationToken cancellation)
    {
        int kept = 0;
        Failure failure = Failure.None;
        foreach (Fid fid in fids)
        {
            Failure stored = await contents.StoreDirtyAsync(fid, cancellation);
            failure = failure.IsNone ? stored : failure;
            if (containers.TryPeek(fid, out Container? container) && !room.TryDiscard(container))
                kept++;
            directories.Remove(fid);
            statuses.Distrust(fid);
        }
        return (kept, failure);
    }

    /// <summary>All that is cached of this mount.</summary>
    public Task<(int Kept, Failure Failure)> RunAllAsync(CancellationToken cancellation)
    {
        directories.Clear();
        return RunAsync(containers.Snapshot().Select(static container => container.Fid), cancellation);
    }
}
