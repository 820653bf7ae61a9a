using System.Collections.Concurrent;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Under which fence the locks of each file were granted: a store of a file carries it, so that the server refuses what was written under a lock that was lost. A file is in here from its first grant until nothing
/// of it is held, what was written is stored, and nobody has it open who lost a lock. <see cref="CellLocks"/> decides that.
/// </summary>
internal sealed class LockFences
{
    private readonly ConcurrentDictionary<Fid, LockFence> _fences = new();

    /// <summary>Zero: what is written is under no lock.</summary>
    public LockFence Of(Fid fid) => _fences.GetValueOrDefault(fid);

    public void Set(Fid fid, LockFence fence) => _fences[fid] = fence;

    public void Clear(Fid fid) => _fences.TryRemove(fid, out _);

    /// <summary>Nothing where there is another by now.</summary>
    public void Clear(Fid fid, LockFence fence) => _fences.TryRemove(KeyValuePair.Create(fid, fence));
}
