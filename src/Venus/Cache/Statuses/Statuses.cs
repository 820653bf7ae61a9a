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
    : IStatusCache
{
    /// <summary>How long a reader waits for mutations of this client that are on their way to fill a gap, before it asks the server instead.</summary>
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(50);

    /// <summary>To be called before a call is sent; see <see cref="PromiseRules"/>.</summary>
    public CallMark Mark() => new(trust.Generation, breaks.Sequence);

    public bool TryGet(Fid fid, out FetchStatus status)
    {
        bool found = table.TryRead(fid, out FetchStatus? read, out uint promised, out bool isRemoved)
            && (isRemoved || trust.Holds(promised) || promised != 0 && ServesSuspect);
        status = read!;
        return found;
    }

    /// <summary>As above, for those outside of the cache: what they are answered from memory is a hit.</summary>
    bool IStatusCache.TryGet(Fid fid, out FetchStatus status)
    {
        bool found = TryGet(fid, out status);
        if (found)
            figures.StatusHits.Add();
        return found;
    }

    public bool ServesSuspect => servesDisconnected && !trust.LeaseRuns;

    public bool IsRemoved(Fid fid) => table.TryRead(fid, out _, out _, out bool isRemoved) && isRemoved;

    /// <summary>What was last known, whether promised or not.</summary>
    public bool TryGetSuspect(Fid fid, out FetchStatus status)
    {
        bool found = table.TryRead(fid, out FetchStatus? read, out _, out _);
        status = read!;
        return found;
    }

    public async ValueTask<Result<FetchStatus>> GetAsync(Fid fid, CancellationToken cancellation)
    {
        if (TryGet(fid, out FetchStatus status))
        {
            figures.StatusHits.Add();
            return status;
        }
        await SettleAsync(fid, cancellation);
        if (TryGet(fid, out status))
            return status;
        figures.StatusMisses.Add();
        while (true)
        {
            (Result<FetchStatus> result, bool isOwn) = await fetcher.FetchAsync(fid, cancellation);
            if (isOwn || !result.IsSuccess || TryGet(fid, out status))
                return result;
            // Rule R6: it was somebody else's call, and brought no promise.
        }
    }

    public async ValueTask<Failure> PrefetchAsync(IReadOnlyList<Fid> fids, CancellationToken cancellation)
    {
        List<Fid> missing = [.. fids.Where(fid => !TryGet(fid, out _))];
        if (missing.Count == 0)
            return Failure.None;
        try
        {
            return await fetcher.FetchManyAsync(missing, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return FailureKind.Interrupted;
        }
    }

    public void Retain(Fid fid) => table.Retain(fid);

    public void Release(Fid fid) => table.Release(fid);

    /// <summary>A status that came with a promise of its own.</summary>
    public FetchStatus Grant(FetchStatus status, CallMark mark) => table.Grant(status, mark);

    /// <summary>A status beside the main one in a mutation's reply.</summary>
    public void Keep(FetchStatus? status)
    {
        if (status is not null)
            table.Keep(status);
    }

    /// <summary>A mutation of this vnode is about to be sent; <see cref="EndChange"/> follows after its reply was applied.</summary>
    public void BeginChange(Fid fid) => table.BeginChange(fid);

    public void EndChange(Fid fid) => table.EndChange(fid);

    /// <summary>Not to be believed any longer, by this client's own judgement.</summary>
    public void Distrust(Fid fid)
    {
        breaks.Note(fid);
        table.Break(fid);
    }

    public void Remove(Fid fid) => table.Remove(fid);

    public void ReplaceRemoved(FetchStatus status) => table.ReplaceRemoved(status);

    /// <summary>Waits a moment where replies of this client's own mutations are missing.</summary>
    public async ValueTask SettleAsync(Fid fid, CancellationToken cancellation)
    {
        if (table.WhenSettled(fid) is not { } settled)
            return;
        Task timeout = Task.Delay(SettleTime, time, cancellation);
        await Task.WhenAny(settled.ContinueHere(), timeout);
    }
}
