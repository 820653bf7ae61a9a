using System.Diagnostics;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Brings whole files into containers. One fetch of a fid at a time; whoever comes meanwhile shares it. It goes on when those who wait for
/// it are interrupted.
/// </summary>
internal sealed class ContentFetcher(
    ViceCalls calls, Statuses statuses, ContainerTable table, ContainerSeals seals, ContentTransfers transfers, CacheFigures figures, CancellationToken stopping)
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
    public async ValueTask<(Result<Container> Result, bool IsOwn)> FetchAsync(Fid fid, bool mayArrive, OperationContext operation)
    {
        while (true)
        {
            (RunningFetch running, bool isOwn) = JoinOrBegin(fid, operation.Caller);
            bool wasFailing = running.HasFailedArrival;
            try
            {
                Result<Container> result = await (mayArrive && !wasFailing ? running.Readable : running.Done).ContinueHere().WaitAsync(operation);
                // Who came when it was failing has a try of his own.
                if (result.IsSuccess || !wasFailing)
                    return (result, isOwn);
            }
            catch (OperationCanceledException) when (operation.IsInterrupted)
            {
                return (FailureKind.Interrupted, isOwn);
            }
        }
    }

    private (RunningFetch Running, bool IsOwn) JoinOrBegin(Fid fid, Caller caller)
    {
        RunningFetch mine;
        lock (_lock)
        {
            if (_running.TryGetValue(fid, out RunningFetch? running))
                return (running, false);
            _running[fid] = mine = new RunningFetch();
        }
        BackgroundWork.Start("fetching a file", () => RunAsync(fid, mine, new OperationContext(caller, stopping)));
        return (mine, true);
    }

    /// <summary>
    /// The version that is current, in a container of its own that is in nobody's table: the caller's, to be dropped. Null: what is open is current. Not shared with anybody: who asks must see what was stored until now.
    /// </summary>
    /// <param name="open">Pinned.</param>
    public async ValueTask<Result<Container?>> FetchBesideAsync(Container open, OperationContext operation)
    {
        int damaged = 0;
        for (int round = 0; round < MostRounds; round++)
        {
            Result<FetchDataReply> reply = await AskAsync(open.Fid, open.NeedsVerify ? DataVersion.None : open.BaseVersion, open, operation);
            if (!reply.IsSuccess)
                return reply.Failure;
            FetchStatus status = reply.Value.Status;
            if (reply.Value.IsUnchanged && open.BaseVersion == status.DataVersion)
                return (Container?)null;
            ContentParts? parts = reply.Value.Parts is { } offered && damaged == 0 && PartsFill.IsUsable(offered, status, open, mayBeOpen: true) ? offered : null;
            Result<Container> result = parts is null
                ? await transfers.WholeAsync(status, reply.Value.Content, running: null, operation)
                : await transfers.PartsAsync(status, parts, open, operation, isBeside: true);
            if (result.IsSuccess)
                return result.Value;
            if (result.Failure.Kind == FailureKind.ContentDamaged)
            {
                figures.ContentDamaged.Add();
                if (++damaged == MostDamaged)
                    return result.Failure;
            }
            else if (result.Failure != AbortCodes.VersionGone)
                return result.Failure;
        }
        return FailureKind.Unreachable;
    }

    /// <summary>Asks for what is newer than what is here; its status is known afterwards.</summary>
    private async ValueTask<Result<FetchDataReply>> AskAsync(Fid fid, DataVersion have, Container? cached, OperationContext operation)
    {
        CallMark mark = statuses.Mark();
        Result<FetchDataReply> reply = await calls.ReadAsync(
            (vice, context) => vice.FetchDataAsync(new FetchDataRequest { Fid = fid, Have = have }, context), operation);
        if (!reply.IsSuccess)
        {
            if (reply.Failure == AbortCodes.NoVnode)
                Removed(fid, cached);
            return reply.Failure;
        }
        FetchStatus status = reply.Value.Status;
        if (status.Fid != fid || status.Type != FileType.Regular || status.LengthBytes is < 0 or > Limits.FileBytes)
            return (Failure)FailureKind.ServerMisbehaved;
        statuses.Grant(status, mark);
        return reply;
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

    private async Task RunAsync(Fid fid, RunningFetch mine, OperationContext operation)
    {
        Result<Container> result;
        try
        {
            result = await FetchCurrentAsync(fid, mine, operation);
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

    private async Task<Result<Container>> FetchCurrentAsync(Fid fid, RunningFetch running, OperationContext operation)
    {
        int damaged = 0;
        bool withoutParts = false;
        for (int round = 0; round < MostRounds; round++)
        {
            DataVersion have = table.TryGet(fid, out Container? cached) && !cached.NeedsVerify && !cached.IsNobodys ? cached.BaseVersion : DataVersion.None;
            Result<FetchDataReply> reply = await AskAsync(fid, have, cached, operation);
            if (!reply.IsSuccess)
                return reply.Failure;
            FetchStatus status = reply.Value.Status;
            if (reply.Value.IsUnchanged && cached is not null && cached.BaseVersion == status.DataVersion)
                return cached;
            ContentParts? parts = reply.Value.Parts is { } offered && !withoutParts && PartsFill.IsUsable(offered, status, cached) ? offered : null;
            Result<Container> result = parts is null
                ? await transfers.WholeAsync(status, reply.Value.Content, running, operation)
                : await transfers.PartsAsync(status, parts, cached, operation);
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

    /// <summary>Another client removed it: nobody will open its content again. Who has it mapped for writing may still change it: then that is found, and kept.</summary>
    private void Removed(Fid fid, Container? cached)
    {
        statuses.Remove(fid);
        if (cached is not null)
            seals.DropIfClean(cached);
    }
}

/// <summary>A fetch that several may wait for: until all is there, or until it can be read from its beginning.</summary>
internal sealed class RunningFetch
{
    private readonly TaskCompletionSource<Result<Container>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Result<Container>> _readable = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<Result<Container>> Done => _done.Task;

    /// <summary>As <see cref="Done"/>, or earlier with a container whose content still arrives.</summary>
    public Task<Result<Container>> Readable => _readable.Task;

    /// <summary>What was announced will never be complete. The fetch may go on all the same, with another round.</summary>
    public bool HasFailedArrival => _readable.Task is { IsCompletedSuccessfully: true, Result: { IsSuccess: true, Value.Arrival.HasFailed: true } };

    public void Announce(Container arriving) => _readable.TrySetResult(arriving);

    public void Finish(Result<Container> result)
    {
        _readable.TrySetResult(result);
        _done.SetResult(result);
    }

    /// <summary>A broken invariant, for whoever waits.</summary>
    public void Fail(Exception e)
    {
        _readable.TrySetException(e);
        _done.SetException(e);
    }
}

/// <summary>How far a content has come, from its beginning, while it is being fetched. Who asks for more waits.</summary>
internal sealed class Arrival : IArrival
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _moved;
    private long _arrivedBytes;
    private Failure _failure;
    private bool _isOver;

    public bool IsComplete
    {
        get
        {
            lock (_lock)
                return _isOver && _failure.IsNone;
        }
    }

    /// <summary>Nothing more comes, and not all is there or what came is damaged.</summary>
    public bool HasFailed
    {
        get
        {
            lock (_lock)
                return _isOver && !_failure.IsNone;
        }
    }

    public bool Has(long endBytes)
    {
        lock (_lock)
            return HasLocked(endBytes);
    }

    public async ValueTask<Failure> WaitAsync(long endBytes, CancellationToken cancellation)
    {
        while (true)
        {
            Task moved;
            lock (_lock)
            {
                if (HasLocked(endBytes))
                    return Failure.None;
                if (_isOver)
                    return _failure;
                _moved ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                moved = _moved.Task;
            }
            try
            {
                await moved.ContinueHere().WaitAsync(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return FailureKind.Interrupted;
            }
        }
    }

    /// <summary>All bytes up to there are in the file.</summary>
    public void Advance(long arrivedBytes)
    {
        TaskCompletionSource? waiting;
        lock (_lock)
        {
            _arrivedBytes = arrivedBytes;
            waiting = TakeWaitingLocked();
        }
        waiting?.SetResult();
    }

    /// <summary>All is there and its checksum is right, or nothing more comes.</summary>
    public void Finish(Failure failure)
    {
        TaskCompletionSource? waiting;
        lock (_lock)
        {
            (_isOver, _failure) = (true, failure);
            waiting = TakeWaitingLocked();
        }
        waiting?.SetResult();
    }

    private TaskCompletionSource? TakeWaitingLocked()
    {
        TaskCompletionSource? waiting = _moved;
        _moved = null;
        return waiting;
    }

    /// <summary>Of a content whose checksum turned out wrong nothing is given any more.</summary>
    private bool HasLocked(long endBytes) =>
        _isOver && _failure.IsNone || endBytes <= _arrivedBytes && _failure.Kind != FailureKind.ContentDamaged;
}

/// <summary>The file became shorter while it was being stored: begin again.</summary>
internal sealed class ShrunkException : Exception;
