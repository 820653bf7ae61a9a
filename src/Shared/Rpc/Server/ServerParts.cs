using Microsoft.Extensions.Logging;

namespace Afs.Rpc;

/// <summary>What a server's connections share.</summary>
internal sealed class ServerParts(RpcServerOptions options)
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stopping = new();
    private TaskCompletionSource? _drained;
    private int _running;
    private bool _isDraining;

    public RpcServerOptions Options => options;

    public ILogger Log => options.Log;

    public TimeProvider Time => options.Time;

    public SessionTable Sessions { get; } = new(options.Replies, options.Limits, options.Time);

    public CallRunner Runner { get; } = new(options.Dispatcher, options.Statistics, options.Log);

    /// <summary>Cancelled when the time to drain is over.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>One more call or bulk exchange runs. False: the server takes no more. <see cref="Leave"/> must follow on true.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (_isDraining)
                return false;
            _running++;
            return true;
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            if (--_running == 0)
                _drained?.TrySetResult();
        }
    }

    /// <summary>Takes nothing more; ends when nothing runs, at the latest after <paramref name="limit"/>.</summary>
    public async Task DrainAsync(TimeSpan limit)
    {
        try
        {
            await NothingRunsAsync().WaitAsync(limit, options.Time);
        }
        catch (TimeoutException)
        {
            Log.DrainExpired(Volatile.Read(ref _running));
        }

        _stopping.Cancel();
    }

    private async Task NothingRunsAsync()
    {
        Task drained;
        lock (_gate)
        {
            _isDraining = true;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_running == 0)
                _drained.TrySetResult();
            drained = _drained.Task;
        }

        await drained;
    }

    /// <summary>A reply's head: epoch and reset count as of this moment.</summary>
    public ReplyFrame Reply(ServerSession session, CallSequence sequence, ReplyStatus status, AbortCode abort = default) =>
        new(sequence, status, abort, options.Sessions.Epoch, options.Sessions.ResetCount(session.Id));

    /// <summary>Replies up to here were seen.</summary>
    public void Forget(ServerSession session, CallSequence through)
    {
        if (session.Incoming.Forget(through))
            options.Replies.Forget(session.Id, through);
    }
}
