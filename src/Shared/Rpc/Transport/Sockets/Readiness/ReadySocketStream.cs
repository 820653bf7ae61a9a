using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Afs.Rpc;

/// <summary>
/// A connected socket whose reads wait among <see cref="ReaderThreads"/>: whoever awaits one goes on, on the thread that found the socket
/// readable. All else is the framework's. One read at a time.
/// </summary>
internal sealed class ReadySocketStream : NetworkStream, IValueTaskSource<int>, IThreadPoolWorkItem
{
    private readonly ulong _number;
    private ManualResetValueTaskSourceCore<int> _source;
    private Memory<byte> _target;
    private CancellationTokenRegistration _cancelling;
    private CancellationToken _cancellation;
    private bool _wasArmed;
    private bool _isDrained;

    /// <summary>1: a read waits. Who sets it to 0 completes that read.</summary>
    private int _isWaiting;

    /// <summary>The read was cancelled, maybe while nobody waited: its socket was being looked at, and had nothing.</summary>
    private volatile bool _isCancelled;

    /// <param name="socket">Owned from here on. No asynchronous operation of the framework's has waited for it: that would watch it as well, for as long as it lives.</param>
    public ReadySocketStream(Socket socket)
        : base(socket, ownsSocket: true)
    {
        socket.Blocking = false;
        _number = ReaderThreads.Shared.Add(this);
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<int>(cancellationToken);
        try
        {
            // What was read last left room: there was no more, and for more it most likely has to wait.
            if (!_isDrained && !buffer.IsEmpty && TryReceive(buffer, out int readBytes))
                return new(readBytes);
            return WaitAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return ValueTask.FromException<int>(e);
        }
    }

    /// <summary>The socket is ready, or has ended. Completes the read that waits for it.</summary>
    public void Execute()
    {
        if (!TryTake())
            return; // It was cancelled, or the stream closed.
        int readBytes = 0;
        try
        {
            if (!_target.IsEmpty && !TryReceive(_target, out readBytes))
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
        _target = default;
        _source.SetResult(readBytes);
    }

    int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    /// <summary>Before the socket is shut down, which to whoever still waited would look like the peer's end; and after, for who began to wait meanwhile.</summary>
    protected override void Dispose(bool disposing)
    {
        CompleteElsewhere(AsDisposed);
        base.Dispose(disposing);
        ReaderThreads.Shared.Remove(_number);
        CompleteElsewhere(AsDisposed);
    }

    private static ObjectDisposedException AsDisposed() => new(nameof(ReadySocketStream));

    private ValueTask<int> WaitAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        (_isDrained, _isCancelled) = (false, false);
        (_target, _cancellation) = (buffer, cancellation);
        _source.Reset();
        short version = _source.Version;
        _cancelling = cancellation.UnsafeRegister(static stream => ((ReadySocketStream)stream!).Cancel(), this);
        Arm();
        return new(this, version);
    }

    private void Cancel()
    {
        _isCancelled = true;
        CompleteElsewhere(() => new OperationCanceledException(_cancellation));
    }

    /// <summary>From here on another thread may complete the read at any time.</summary>
    private void Arm()
    {
        Interlocked.Exchange(ref _isWaiting, 1);
        if (_isCancelled)
        {
            Cancel(); // It came while there was nothing to cancel.
            return;
        }
        bool isFirst = !_wasArmed;
        _wasArmed = true;
        try
        {
            ReaderThreads.Shared.Arm(this, isFirst, _number);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            CompleteElsewhere(() => e);
        }
    }

    private bool TryTake() => Interlocked.Exchange(ref _isWaiting, 0) == 1;

    /// <summary>False: nothing has come yet.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    private bool TryReceive(Memory<byte> buffer, out int readBytes)
    {
        readBytes = Socket.Receive(buffer.Span, SocketFlags.None, out SocketError error);
        if (error == SocketError.Success)
        {
            _isDrained = readBytes < buffer.Length;
            return true;
        }
        return error == SocketError.WouldBlock ? false : throw new IOException($"receiving failed: {error}", new SocketException((int)error));
    }

    /// <summary>Not on this thread, which may hold a lock of whoever waits.</summary>
    private void CompleteElsewhere(Func<Exception> failure)
    {
        if (TryTake())
            ThreadPool.UnsafeQueueUserWorkItem(static state => state.Stream.Complete(state.Failure), (Stream: this, Failure: failure()), preferLocal: false);
    }

    private void Complete(Exception failure)
    {
        _cancelling.Dispose();
        _target = default;
        _source.SetException(failure);
    }
}
