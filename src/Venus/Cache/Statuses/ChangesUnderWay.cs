using System.Diagnostics;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// This client's mutations of one vnode that have no reply yet, and the statuses of those whose reply came before that of an
/// earlier one (rule R5 of PromiseRules). Guarded by the lock of the vnode's shard.
/// </summary>
internal sealed class ChangesUnderWay
{
    private readonly SortedList<ulong, FetchStatus> _ahead = [];
    private TaskCompletionSource? _settled;

    /// <summary>Calls without a reply.</summary>
    public int Count { get; set; }

    public bool HasGap => _ahead.Count > 0;

    /// <summary>Completes when the gap is closed, one way or the other.</summary>
    public Task Settled => (_settled ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public void Park(FetchStatus status) => _ahead[status.StatusVersion.Value] = status;

    /// <summary>Takes the parked status that follows <paramref name="version"/>.</summary>
    public bool TryTakeNext(StatusVersion version, out FetchStatus status)
    {
        if (!_ahead.Remove(version.Next.Value, out status!))
            return false;
        SettleIfClosed();
        return true;
    }

    /// <summary>Forgets what is not newer than <paramref name="version"/>.</summary>
    public void DropThrough(StatusVersion version)
    {
        while (_ahead.Count > 0 && _ahead.GetKeyAtIndex(0) <= version.Value)
            _ahead.RemoveAt(0);
        SettleIfClosed();
    }

    /// <summary>Forgets all; the newest of them.</summary>
    public FetchStatus? DropAll()
    {
        FetchStatus? newest = _ahead.Count > 0 ? _ahead.GetValueAtIndex(_ahead.Count - 1) : null;
        _ahead.Clear();
        SettleIfClosed();
        return newest;
    }

    private void SettleIfClosed()
    {
        if (_ahead.Count > 0)
            return;
        _settled?.TrySetResult();
        _settled = null;
    }

    /// <summary>INVARIANT: there are calls; what is parked is newer than what is known (rule R3); somebody waits only for a gap.</summary>
    public void CheckInvariants(FetchStatus? known)
    {
        bool isOld = _ahead.Count > 0 && known is not null && _ahead.GetKeyAtIndex(0) <= known.StatusVersion.Value;
        if (Count <= 0 || isOld || _settled is not null && _ahead.Count == 0)
            throw new UnreachableException($"{Count} changes are under way, {_ahead.Count} are parked.");
    }
}
