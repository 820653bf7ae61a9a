using System.Diagnostics;
using Afs.Platform;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Brings whole files into containers. One fetch of a fid at a time; whoever comes meanwhile shares it. It goes on when those who wait for
/// it are interrupted.
/// </summary>
internal sealed class ContentFetcher(
    ViceCalls calls, Statuses statuses, ContainerTable table, ContentTransfers transfers, CacheFigures figures, CancellationToken stopping)
{
    /// <summary>Rounds for a file whose versions come faster than it can be fetched.</summary>
    private const int MostRounds = 16;

    /// <summary>Content that doesn't match its checksum is fetched so often before it is an error.</summary>
    private const int MostDamaged = 3;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, RunningFetch> _running = [];

    /// <summary>
    /// The container of a version that was current while this ran; not pinned. Own: the call was sent after this request, so its content is
    /// current for the asker even without a promise.
    /// </summary>
    /// <param name="mayArrive">Of a large file it may come before its content: see <see cref="Container.Arrival"/>.</param>
    public async ValueTask<(Result<Container> Result, bool IsOwn)> FetchAsync(Fid fid, bool mayArrive, CancellationToken cancellation)
    {
        while (true)
        {
            (RunningFetch running, bool isOwn) = JoinOrBegin(fid);
            bool wasFailing = running.HasFailedArrival;
            try
            {
                Result<Container> result = await (mayArrive && !wasFailing ? running.Readable : running.Done).ContinueHere().WaitAsync(cancellation);
                // Who came when it was failing has a try of his own.
                if (result.IsSuccess || !wasFailing)
                    return (result, isOwn);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return (FailureKind.Interrupted, isOwn);
            }
        }
    }

    private (RunningFetch Running, bool IsOwn) JoinOrBegin(Fid fid)
    {
        RunningFetch mine;
        lock (_lock)
        {
            if (_running.TryGetValue(fid, out RunningFetch? running))
                return (running, false);
            _running[fid] = mine = new RunningFetch();
        }
        _ = RunAsync(fid, mine);
        return (mine, true);
    }

    /// <summary>INVARIANT: a fetch that is over is joined by nobody.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            foreach ((Fid fid, RunningFetch running) in _running)
            {
                if (running.Done.IsCompleted)
                    throw new UnreachableException($"The fetch of {fid} is over, and can still be joined.");
            }
        }
    }

    private async Task RunAsync(Fid fid, RunningFetch mine)
    {
        Result<Container> result;
        try
        {
            result = await FetchCurrentAsync(fid, mine);
        }
        catch (DiskException e)
        {
            result = DiskFailures.ToFailure(e);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            result = FailureKind.ShuttingDown;
        }
        catch (Exception e)
        {
            Finish(fid);
            mine.Fail(e);
            return;
        }
        Finish(fid);
        mine.Finish(result);
    }

    private void Finish(Fid fid)
    {
        lock (_lock)
            _running.Remove(fid);
    }

    private async Task<Result<Container>> FetchCurrentAsync(Fid fid, RunningFetch running)
    {
        int damaged = 0;
        bool withoutParts = false;
        for (int round = 0; round < MostRounds; round++)
        {
            DataVersion have = table.TryGet(fid, out Container? cached) && !cached.NeedsVerify ? cached.BaseVersion : DataVersion.None;
            CallMark mark = statuses.Mark();
            Result<FetchDataReply> reply = await calls.ReadAsync(
                (vice, context) => vice.FetchDataAsync(new FetchDataRequest { Fid = fid, Have = have }, context), stopping);
            if (!reply.IsSuccess)
            {
                if (reply.Failure == AbortCodes.NoVnode)
                    Removed(fid, cached);
                return reply.Failure;
            }
            FetchStatus status = reply.Value.Status;
            if (status.Fid != fid || status.Type != FileType.Regular || status.LengthBytes is < 0 or > Limits.FileBytes)
                return (Failure)AbortCodes.BadArgument;
            statuses.Grant(status, mark);
            if (reply.Value.IsUnchanged && cached is not null && cached.BaseVersion == status.DataVersion)
                return cached;
            ContentParts? parts = reply.Value.Parts is { } offered && !withoutParts && PartsFill.IsUsable(offered, status, cached) ? offered : null;
            Result<Container> result = parts is null
                ? await transfers.WholeAsync(status, reply.Value.Content, running)
                : await transfers.PartsAsync(status, parts, cached);
            if (result.IsSuccess || result.Failure != AbortCodes.VersionGone && result.Failure.Kind != FailureKind.ContentDamaged)
                return result;
            if (result.Failure.Kind == FailureKind.ContentDamaged)
            {
                figures.ContentDamaged.Add();
                withoutParts = true; // The older version may be what is damaged.
                if (++damaged == MostDamaged)
                    return result.Failure;
            }
        }
        return FailureKind.Unreachable;
    }

    /// <summary>Another client removed it: nobody will open its content again.</summary>
    private void Removed(Fid fid, Container? cached)
    {
        statuses.Remove(fid);
        if (cached is { IsLocal: false })
            table.Drop(cached, ContainerFate.Superseded);
    }
}
