using System.Diagnostics;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Brings statuses. A fid that is on its way is not asked for again; at most <see cref="MostCalls"/> calls run at a time, and what is
/// asked meanwhile goes together in the next one.
/// </summary>
internal sealed class StatusFetcher(VnodeTable table, Func<CallMark> mark, ViceCalls calls)
{
    private const int MostCalls = 8;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, TaskCompletionSource<Result<FetchStatus>>> _wanted = [];
    private readonly Queue<(Fid Fid, Caller Caller)> _queue = [];
    private int _calls;

    /// <summary>The status; and whether the call was sent after this request (rule R6 of PromiseRules).</summary>
    public async ValueTask<(Result<FetchStatus> Result, bool IsOwn)> FetchAsync(Fid fid, OperationContext operation)
    {
        (Task<Result<FetchStatus>> waiter, bool isOwn) = Ask([fid], operation.Caller)[0];
        try
        {
            return (await waiter.ContinueHere().WaitAsync(operation), isOwn);
        }
        catch (OperationCanceledException) when (operation.IsInterrupted)
        {
            return (FailureKind.Interrupted, isOwn);
        }
    }

    /// <summary>All of them, in as few calls as possible; the first failure but that one is gone.</summary>
    public async ValueTask<Failure> FetchManyAsync(IReadOnlyList<Fid> fids, OperationContext operation)
    {
        Failure failure = Failure.None;
        foreach ((Task<Result<FetchStatus>> waiter, _) in Ask(fids, operation.Caller))
        {
            Failure one = (await waiter.ContinueHere().WaitAsync(operation)).Failure;
            if (failure.IsNone && one != AbortCodes.NoVnode)
                failure = one;
        }
        return failure;
    }

    private List<(Task<Result<FetchStatus>> Waiter, bool IsOwn)> Ask(IReadOnlyList<Fid> fids, Caller caller)
    {
        var waiters = new List<(Task<Result<FetchStatus>>, bool)>(fids.Count);
        bool start;
        lock (_lock)
        {
            foreach (Fid fid in fids)
            {
                bool isOwn = !_wanted.TryGetValue(fid, out TaskCompletionSource<Result<FetchStatus>>? waiter);
                if (isOwn)
                {
                    _wanted[fid] = waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
                    _queue.Enqueue((fid, caller));
                }
                waiters.Add((waiter!.Task, isOwn));
            }
            start = _queue.Count > 0 && _calls < MostCalls;
            if (start)
                _calls++;
        }
        if (start)
            BackgroundWork.Start("fetching statuses", RunAsync);
        return waiters;
    }

    /// <summary>INVARIANT: what is queued is waited for, nothing that is waited for is over, and as long as something is queued somebody will ask for it.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            if (_calls is < 0 or > MostCalls || _queue.Count > 0 && _calls == 0)
                throw new UnreachableException($"{_queue.Count} statuses are queued, {_calls} calls run.");
            if (!_queue.All(queued => _wanted.ContainsKey(queued.Fid)) || _wanted.Values.Any(static waiter => waiter.Task.IsCompleted))
                throw new UnreachableException("A status is queued that nobody waits for, or waited for though it came.");
        }
    }

    /// <summary>Calls until nothing is asked for.</summary>
    private async Task RunAsync()
    {
        while (TakeBatch(out Caller caller) is { Count: > 0 } batch)
        {
            try
            {
                while (batch.Count > 0)
                    batch.RemoveRange(0, await FetchBatchAsync(batch, caller));
            }
            catch (Exception e)
            {
                // Every waiter gets it; there is nobody else to tell.
                foreach (Fid fid in batch)
                    Take(fid)?.TrySetException(e);
            }
        }
    }

    /// <summary>What one caller asked for: a call is for one.</summary>
    private List<Fid> TakeBatch(out Caller caller)
    {
        var batch = new List<Fid>();
        lock (_lock)
        {
            caller = _queue.TryPeek(out (Fid, Caller Caller) first) ? first.Caller : default;
            while (batch.Count < Limits.StatusesPerCall && _queue.TryPeek(out (Fid Fid, Caller Caller) next) && next.Caller == caller)
                batch.Add(_queue.Dequeue().Fid);
            if (batch.Count == 0)
                _calls--;
        }
        return batch;
    }

    /// <summary>How many of them, from the first, were answered: the rest did not fit the reply. A failure answers all.</summary>
    private async Task<int> FetchBatchAsync(List<Fid> batch, Caller caller)
    {
        CallMark before = mark();
        Result<FetchStatusReply> reply = await calls.ReadAsync(
            (vice, context) => vice.FetchStatusAsync(new FetchStatusRequest { Fids = batch }, context), new OperationContext(caller, CancellationToken.None));
        if (reply.IsSuccess && (reply.Value.Statuses.Count == 0 || reply.Value.Statuses.Count > batch.Count))
            reply = (Failure)FailureKind.ServerMisbehaved; // No correct server; it might never end.
        int answered = reply.IsSuccess ? reply.Value.Statuses.Count : batch.Count;
        for (int i = 0; i < answered; i++)
        {
            Result<FetchStatus> result = reply.Failure;
            if (reply.IsSuccess)
                result = Judge(batch[i], reply.Value.Statuses[i], before);
            Take(batch[i])!.TrySetResult(result);
        }
        return answered;
    }

    private Result<FetchStatus> Judge(Fid fid, FetchStatus? status, CallMark before)
    {
        if (status is null)
        {
            table.Remove(fid);
            return (Failure)AbortCodes.NoVnode;
        }
        return status.Fid == fid ? table.Grant(status, before) : (Failure)FailureKind.ServerMisbehaved;
    }

    private TaskCompletionSource<Result<FetchStatus>>? Take(Fid fid)
    {
        lock (_lock)
        {
            _wanted.Remove(fid, out TaskCompletionSource<Result<FetchStatus>>? waiter);
            return waiter;
        }
    }
}
