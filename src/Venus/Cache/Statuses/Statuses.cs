using System.Diagnostics;
using Afs.Platform;
using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// The status cache: what <see cref="VnodeTable"/> holds, believed by <see cref="PromiseRules"/>, and brought by <see cref="StatusFetcher"/>.
/// It also is where replies of other calls leave the statuses that they bring.
/// </summary>
internal sealed class Statuses(VnodeTable table, ServerTrust trust, BreakLog breaks, StatusFetcher fetcher, TimeProvider time, CacheFigures figures,
    bool servesDisconnected)
{
    /// <summary>How long a reader waits for mutations of this client that are on their way to fill a gap, before it asks the server instead.</summary>
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(50);

    /// <summary>To be called before a call is sent; see <see cref="PromiseRules"/>.</summary>
    public CallMark Mark() => new(trust.Mark(), breaks.Sequence);

    /// <inheritdoc cref="IStatusCache.TryGet"/>
    public bool TryGet(Fid fid, out FetchStatus status)
    {
        bool found = table.TryRead(fid, out FetchStatus? read, out uint promised, out bool isRemoved)
            && (isRemoved || trust.Holds(promised) || promised != 0 && ServesSuspect);
        status = read!;
        return found;
    }

    /// <summary>As above, for those outside of the cache: what they are answered from memory is a hit.</summary>
    public bool TryAnswer(Fid fid, out FetchStatus status)
    {
        bool found = TryGet(fid, out status);
        if (found)
            figures.StatusHits.Add();
        return found;
    }

    /// <inheritdoc cref="IStatusCache.ServesSuspect"/>
    public bool ServesSuspect => servesDisconnected && !trust.LeaseRuns && !trust.IsWithoutPromises;

    /// <inheritdoc cref="IStatusCache.MayBeKept"/>
    public bool MayBeKept => !ServesSuspect && trust.MayBeKept;

    /// <inheritdoc cref="IStatusCache.LeaseLeft"/>
    public TimeSpan LeaseLeft => trust.LeaseLeft;

    public bool IsRemoved(Fid fid) => table.TryRead(fid, out _, out _, out bool isRemoved) && isRemoved;

    /// <summary>What was last known, whether promised or not.</summary>
    public bool TryGetSuspect(Fid fid, out FetchStatus status)
    {
        bool found = table.TryRead(fid, out FetchStatus? read, out _, out _);
        status = read!;
        return found;
    }

    /// <inheritdoc cref="IStatusCache.GetAsync"/>
    public async ValueTask<Result<FetchStatus>> GetAsync(Fid fid, OperationContext operation)
    {
        if (TryGet(fid, out FetchStatus status))
        {
            figures.StatusHits.Add();
            return status;
        }
        await SettleAsync(fid, operation);
        if (TryGet(fid, out status))
            return status;
        figures.StatusMisses.Add();
        while (true)
        {
            (Result<FetchStatus> result, bool isOwn) = await fetcher.FetchAsync(fid, operation);
            if (isOwn || !result.IsSuccess || TryGet(fid, out status))
                return result;
            // Rule R6: it was somebody else's call, and brought no promise.
        }
    }

    /// <inheritdoc cref="IStatusCache.PrefetchAsync"/>
    public async ValueTask<Failure> PrefetchAsync(IReadOnlyList<Fid> fids, OperationContext operation)
    {
        List<Fid> missing = [.. fids.Where(fid => !TryGet(fid, out _))];
        if (missing.Count == 0)
            return Failure.None;
        try
        {
            return await fetcher.FetchManyAsync(missing, operation);
        }
        catch (OperationCanceledException) when (operation.IsInterrupted)
        {
            return FailureKind.Interrupted;
        }
    }

    /// <inheritdoc cref="IStatusCache.Retain"/>
    public void Retain(Fid fid) => table.Retain(fid);

    public void Release(Fid fid) => table.Release(fid);

    /// <summary>A status that came with a promise of its own.</summary>
    public FetchStatus Grant(FetchStatus status, CallMark mark) => table.Grant(status, mark);

    /// <summary>A status beside the main one in a mutation's reply.</summary>
    /// <param name="mark">From before its call.</param>
    public void Keep(FetchStatus? status, CallMark mark)
    {
        if (status is not null)
            table.Keep(status, mark);
    }

    /// <summary>It was disowned after that mark was noted: nothing that a reply to a call from then says of it counts.</summary>
    public bool IsDisowned(Fid fid, CallMark mark) => table.IsDisowned(fid, mark);

    /// <summary>A mutation of this vnode is about to be sent; <see cref="EndChange"/> follows after its reply was applied.</summary>
    public void BeginChange(Fid fid) => table.BeginChange(fid);

    public void EndChange(Fid fid) => table.EndChange(fid);

    /// <summary>Not to be believed any longer, by this client's own judgement.</summary>
    public void Distrust(Fid fid)
    {
        breaks.Note(fid);
        table.Break(fid);
    }

    /// <summary>What is cached came from a change that never was: nothing of it counts, not even its versions.</summary>
    public void Disown(Fid fid)
    {
        breaks.Note(fid);
        table.Break(fid);
        table.Disown(fid);
    }

    public void Remove(Fid fid) => table.Remove(fid);

    public void ReplaceRemoved(FetchStatus status) => table.ReplaceRemoved(status);

    /// <summary>Waits a moment where replies of this client's own mutations are missing.</summary>
    public async ValueTask SettleAsync(Fid fid, OperationContext operation)
    {
        if (table.WhenSettled(fid) is not { } settled)
            return;
        Task timeout = Task.Delay(SettleTime, time, operation);
        await Task.WhenAny(settled.ContinueHere(), timeout);
    }
}

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
