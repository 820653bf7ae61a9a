using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Afs.Rpc;

/// <summary>
/// One side of a socket: an operation that can't go on waits here among <see cref="ReaderThreads"/>, and whoever awaits it goes on, on the thread
/// that found the socket ready. One operation at a time.
/// </summary>
internal abstract class SocketWait(SocketWatch watch, SocketSides side) : IValueTaskSource<int>, IValueTaskSource, IThreadPoolWorkItem
{
    private ManualResetValueTaskSourceCore<int> _source;
    private CancellationTokenRegistration _cancelling;
    private CancellationToken _cancellation;

    /// <summary>1: an operation waits. Who sets it to 0 completes that operation.</summary>
    private int _isWaiting;

    /// <summary>The operation was cancelled, maybe while nobody waited: its socket was being looked at, and wasn't ready.</summary>
    private volatile bool _isCancelled;

    protected Socket Socket => watch.Socket;

    /// <summary>The socket is ready, or has ended. Completes the operation that waits for it, or lets it wait on.</summary>
    public void Execute()
    {
        if (!TryTake())
            return; // It was cancelled, or the socket closed.
        int bytes;
        try
        {
            if (!TryFinish(out bytes))
            {
                Arm();
                return;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Complete(e);
            return;
        }
        _cancelling.Dispose();
        Forget();
        _source.SetResult(bytes);
    }

    /// <summary>Ends what waits, for the socket is being closed.</summary>
    public void End() => CompleteElsewhere(static () => new ObjectDisposedException(nameof(ReadySocketStream)));

    int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    /// <summary>Goes on with the operation as far as the socket lets it. False: not done, it has to wait.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    protected abstract bool TryFinish(out int bytes);

    /// <summary>The operation is over: nothing of its memory is held.</summary>
    protected abstract void Forget();

    /// <summary>Waits until the socket is ready for what the operation needs.</summary>
    /// <returns>The token of this wait, for a ValueTask.</returns>
    protected short Wait(CancellationToken cancellation)
    {
        _isCancelled = false;
        _cancellation = cancellation;
        _source.Reset();
        short version = _source.Version;
        _cancelling = cancellation.UnsafeRegister(static wait => ((SocketWait)wait!).Cancel(), this);
        Arm();
        return version;
    }

    private void Cancel()
    {
        _isCancelled = true;
        CompleteElsewhere(() => new OperationCanceledException(_cancellation));
    }

    /// <summary>From here on another thread may complete the operation at any time.</summary>
    private void Arm()
    {
        Interlocked.Exchange(ref _isWaiting, 1);
        if (_isCancelled)
        {
            Cancel(); // It came while there was nothing to cancel.
            return;
        }
        try
        {
            watch.Want(side);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            CompleteElsewhere(() => e);
        }
    }

    private bool TryTake() => Interlocked.Exchange(ref _isWaiting, 0) == 1;

    /// <summary>Not on this thread, which may hold a lock of whoever waits.</summary>
    private void CompleteElsewhere(Func<Exception> failure)
    {
        if (TryTake())
            ThreadPool.UnsafeQueueUserWorkItem(static state => state.Wait.Complete(state.Failure), (Wait: this, Failure: failure()), preferLocal: false);
    }

    private void Complete(Exception failure)
    {
        _cancelling.Dispose();
        Forget();
        _source.SetException(failure);
    }
}
