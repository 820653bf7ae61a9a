using System.Diagnostics;
using Afs.Platform;
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
    private readonly Queue<Fid> _queue = [];
    private int _calls;

    /// <summary>The status; and whether the call was sent after this request (rule R6 of PromiseRules).</summary>
    public async ValueTask<(Result<FetchStatus> Result, bool IsOwn)> FetchAsync(Fid fid, CancellationToken cancellation)
    {
        (Task<Result<FetchStatus>> waiter, bool isOwn) = Ask([fid])[0];
        try
        {
            return (await waiter.ContinueHere().WaitAsync(cancellation), isOwn);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return (FailureKind.Interrupted, isOwn);
        }
    }

    /// <summary>All of them, in as few calls as possible; the first failure but that one is gone.</summary>
    public async ValueTask<Failure> FetchManyAsync(IReadOnlyList<Fid> fids, CancellationToken cancellation)
    {
        Failure failure = Failure.None;
        foreach ((Task<Result<FetchStatus>> waiter, _) in Ask(fids))
        {
            Failure one = (await waiter.ContinueHere().WaitAsync(cancellation)).Failure;
            if (failure.IsNone && one != AbortCodes.NoVnode)
                failure = one;
        }
        return failure;
    }

    private List<(Task<Result<FetchStatus>> Waiter, bool IsOwn)> Ask(IReadOnlyList<Fid> fids)
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
                    _queue.Enqueue(fid);
                }
                waiters.Add((waiter!.Task, isOwn));
            }
            start = _queue.Count > 0 && _calls < MostCalls;
            if (start)
                _calls++;
        }
        if (start)
            _ = RunAsync();
        return waiters;
    }

    /// <summary>INVARIANT: what is queued is waited for, nothing that is waited for is over, and as long as something is queued somebody will ask for it.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            if (_calls is < 0 or > MostCalls || _queue.Count > 0 && _calls == 0)
                throw new UnreachableException($"{_queue.Count} statuses are queued, {_calls} calls run.");
            if (!_queue.All(_wanted.ContainsKey) || _wanted.Values.Any(static waiter => waiter.Task.IsCompleted))
                throw new UnreachableException("A status is queued that nobody waits for, or waited for though it came.");
        }
    }

    /// <summary>Calls until nothing is asked for.</summary>
    private async Task RunAsync()
    {
        while (TakeBatch() is { Count: > 0 } batch)
        {
            try
            {
                await FetchBatchAsync(batch);
            }
            catch (Exception e)
            {
                // Every waiter gets it; there is nobody else to tell.
                foreach (Fid fid in batch)
                    Take(fid)?.TrySetException(e);
            }
        }
    }

    private List<Fid> TakeBatch()
    {
        var batch = new List<Fid>();
        lock (_lock)
        {
            while (batch.Count < Limits.StatusesPerCall && _queue.TryDequeue(out Fid fid))
                batch.Add(fid);
            if (batch.Count == 0)
                _calls--;
        }
        return batch;
    }

    private async Task FetchBatchAsync(List<Fid> batch)
    {
        CallMark before = mark();
        Result<FetchStatusReply> reply = await calls.ReadAsync(
            (vice, context) => vice.FetchStatusAsync(new FetchStatusRequest { Fids = batch }, context), CancellationToken.None);
        if (reply.IsSuccess && reply.Value.Statuses.Count != batch.Count)
            reply = (Failure)AbortCodes.BadArgument;
        for (int i = 0; i < batch.Count; i++)
        {
            Result<FetchStatus> result = reply.Failure;
            if (reply.IsSuccess)
                result = Judge(batch[i], reply.Value.Statuses[i], before);
            Take(batch[i])!.TrySetResult(result);
        }
    }

    private Result<FetchStatus> Judge(Fid fid, FetchStatus? status, CallMark before)
    {
        if (status is null)
        {
            table.Remove(fid);
            return (Failure)AbortCodes.NoVnode;
        }
        return status.Fid == fid ? table.Grant(status, before) : (Failure)AbortCodes.BadArgument;
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
