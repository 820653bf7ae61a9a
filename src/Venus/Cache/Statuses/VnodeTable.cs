using System.Diagnostics.CodeAnalysis;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Owns the statuses and promises of all cached vnodes; bounded. Split by hash so that reader threads seldom meet at a lock.
/// What a call of each method means is told at <see cref="VnodeShard"/>.
/// </summary>
internal sealed class VnodeTable
{
    private const int Shards = 64;

    private readonly VnodeShard[] _shards = new VnodeShard[Shards];

    /// <param name="evicted">Gets those whose promise is no longer needed; called under a shard's lock, must not wait.</param>
    public VnodeTable(int mostVnodes, BreakLog breaks, Action<Fid> evicted)
    {
        for (int i = 0; i < Shards; i++)
            _shards[i] = new VnodeShard(Math.Max(1, mostVnodes / Shards), breaks, evicted);
    }

    public int Count => _shards.Sum(static s => s.Count);

    public bool TryRead(Fid fid, [NotNullWhen(true)] out FetchStatus? status, out uint promised, out bool isRemoved) =>
        Shard(fid).TryRead(fid, out status, out promised, out isRemoved);

    public FetchStatus Grant(FetchStatus status, CallMark mark) => Shard(status.Fid).Grant(status, mark);

    public void Keep(FetchStatus status) => Shard(status.Fid).Keep(status);

    public void BeginChange(Fid fid) => Shard(fid).BeginChange(fid);

    public void EndChange(Fid fid) => Shard(fid).EndChange(fid);

    public Task? WhenSettled(Fid fid) => Shard(fid).WhenSettled(fid);

    public void Break(Fid fid) => Shard(fid).Break(fid);

    public void Revalidate(Fid fid, StatusVersion version, CallMark mark) => Shard(fid).Revalidate(fid, version, mark);

    public void DropSuspect(Fid fid, uint generation) => Shard(fid).DropSuspect(fid, generation);

    public void Remove(Fid fid) => Shard(fid).Remove(fid);

    public void ReplaceRemoved(FetchStatus status) => Shard(status.Fid).ReplaceRemoved(status);

    public void Retain(Fid fid) => Shard(fid).Retain(fid);

    public void Release(Fid fid) => Shard(fid).Release(fid);

    public List<FetchStatus> CollectSuspect(uint generation)
    {
        var all = new List<FetchStatus>();
        foreach (VnodeShard shard in _shards)
            shard.CollectSuspect(generation, all);
        return all;
    }

    public void RestoreRemoved(FetchStatus last) => Shard(last.Fid).RestoreRemoved(last);

    public void Restore(FetchStatus status) => Shard(status.Fid).Restore(status);

    /// <summary>Takes up to <paramref name="atMost"/> of what changed since it was last taken, to be saved. True: there is more.</summary>
    public bool TakeUnsaved(SavedChanges into, int atMost)
    {
        bool isMore = false;
        foreach (VnodeShard shard in _shards)
            isMore |= shard.TakeUnsaved(into, atMost);
        return isMore;
    }

    public void Clear()
    {
        foreach (VnodeShard shard in _shards)
            shard.Clear();
    }

    /// <summary>What must hold between any two calls; for tests.</summary>
    public void CheckInvariants()
    {
        foreach (VnodeShard shard in _shards)
            shard.CheckInvariants();
    }

    private VnodeShard Shard(Fid fid) => _shards[(uint)(fid.Vnode.Value * 0x9E3779B97F4A7C15 >> 32) % Shards];
}
