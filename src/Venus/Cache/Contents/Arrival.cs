using Afs.Platform;

namespace Afs.Venus.Cache;

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
