using System.Runtime.CompilerServices;

namespace Afs.Rpc;

/// <summary>
/// A connection on which frames come and go, and the one way for it to end: <see cref="Break"/>, of which the first reason wins.
/// A watchdog ends it when the peer gives no sign of life, or doesn't read.
/// </summary>
internal sealed class RpcConnection
{
    private readonly IFrameConnection _transport;
    private readonly TimeProvider _time;
    private readonly RpcTimings _timings;
    private readonly RpcStatistics _statistics;
    private readonly CancellationTokenSource _ended = new();
    private readonly ArrivalRoom? _room;
    private string? _reason;
    private long _lastMovedIn, _lastMovedOut;
    private TransferProgress _movedIn, _movedOut;
    private long _lastReceived;
    private ITimer? _watchdog;
    private Func<PingFrame>? _ping;
    private volatile bool _isDirect;

    public RpcConnection(
        IFrameConnection transport, TimeProvider time, RpcTimings timings, int maxQueuedBytes, RpcStatistics statistics, QueuedBytes? allQueued = null, ArrivalRoom? room = null)
    {
        (_transport, _time, _timings, _statistics, _room) = (transport, time, timings, statistics, room);
        _lastReceived = _lastMovedIn = _lastMovedOut = time.GetTimestamp();
        Sender = new FrameSender(transport, time, maxQueuedBytes, statistics, Break, allQueued);
    }

    public FrameSender Sender { get; }

    public string Peer => _transport.Peer;

    public string Host => _transport.Host;

    /// <summary>What has moved so far, parts of frames included.</summary>
    public TransferProgress Progress => _transport.Progress;

    public bool IsReliable => _transport.IsReliable;

    /// <summary>A frame is on its way, in or out, and bytes have moved within that time: what waits for a reply may wait for this.</summary>
    public bool IsMoving(TimeSpan within) =>
        _transport.IsFrameArriving && _time.GetElapsedTime(Volatile.Read(ref _lastMovedIn)) <= within
        || (Sender.StalledFor > TimeSpan.Zero || Progress.IsSending) && _time.GetElapsedTime(Volatile.Read(ref _lastMovedOut)) <= within;

    /// <summary>Cancelled when the connection ends.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Why the connection ended; null while it lasts.</summary>
    public string? EndReason => Volatile.Read(ref _reason);

    /// <summary>Begins to watch over the connection.</summary>
    /// <param name="ping">What to send when it is quiet; null: the peer pings.</param>
    public void Watch(Func<PingFrame>? ping)
    {
        _ping = ping;
        TimeSpan period = _timings.KeepAlive / 2;
        _watchdog = _time.CreateTimer(static state => ((RpcConnection)state!).Look(), this, period, period);
        if (EndReason is not null)
            _watchdog.Dispose();
    }

    /// <summary>The next frame, or the end. The caller owns the frame.</summary>
    /// <exception cref="IOException">The connection is broken.</exception>
    /// <exception cref="MalformedMessageException">What came is no frame.</exception>
    public async ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes)
    {
        ReceivedFrame frame = await _transport.ReceiveAsync(maxBytes, _room);
        Volatile.Write(ref _lastReceived, _time.GetTimestamp());
        if (!frame.IsEnd)
            _statistics.CountReceived(FrameLimits.PrefixBytes + 1 + frame.Content.Length);
        return frame;
    }

    /// <summary>Sends at once, past the queue: for bulk connections, which have one sender and content that mustn't be copied.</summary>
    /// <exception cref="IOException">The connection is broken.</exception>
    public async ValueTask SendDirectAsync(ReadOnlyMemory<byte> frames)
    {
        _isDirect = true;
        await _transport.SendAsync(frames);
        _statistics.CountSent(frames.Length);
    }

    /// <inheritdoc cref="SendDirectAsync(ReadOnlyMemory{byte})"/>
    public async ValueTask SendDirectAsync<TFrame>(TFrame frame, ReadOnlyMemory<byte> body = default)
        where TFrame : struct, IFrame
    {
        using var buffer = new PooledBuffer();
        FrameWriter.Write(buffer, frame, body.Span);
        await SendDirectAsync(buffer.WrittenMemory);
    }

    /// <summary>Ends the connection; only the first reason counts. Safe from any thread.</summary>
    public void Break(string reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
            return;
        _watchdog?.Dispose();
        Sender.Close();
        _transport.Abort();
        _ended.Cancel();
    }

    /// <summary>Says why to the peer, but not amid a bulk connection's content, and ends the connection.</summary>
    public async ValueTask GoodbyeAsync(string reason)
    {
        if (_isDirect)
        {
            Break(reason);
            return;
        }

        byte[] text = System.Text.Encoding.UTF8.GetBytes(reason);
        await Sender.SendAsync(default(GoodbyeFrame), text.AsSpan(0, Math.Min(text.Length, FrameLimits.TextBytes)));
        Break(reason);
    }

    /// <summary>A long frame on a slow line is a sign of life long before it is whole, and so is what the peer takes of what is sent.</summary>
    private void Look()
    {
        TransferProgress progress = _transport.Progress;
        if (progress.HasReceivedSince(_movedIn))
        {
            _movedIn = progress;
            Volatile.Write(ref _lastMovedIn, _time.GetTimestamp());
        }

        if (progress.HasSentSince(_movedOut))
        {
            _movedOut = progress;
            Volatile.Write(ref _lastMovedOut, _time.GetTimestamp());
        }

        TimeSpan sinceFrame = _time.GetElapsedTime(Volatile.Read(ref _lastReceived)), sinceSent = _time.GetElapsedTime(_lastMovedOut);
        TimeSpan quiet = Shorter(sinceFrame, Shorter(_time.GetElapsedTime(_lastMovedIn), sinceSent));
        if (Shorter(Sender.StalledFor, sinceSent) > _timings.SendStall)
            Break($"the peer read nothing for {_timings.SendStall.TotalSeconds} s");
        else if (quiet > _timings.Silence)
            Break($"no sign of life for {_timings.Silence.TotalSeconds} s");
        else if (_ping is { } ping && sinceFrame >= _timings.KeepAlive / 2)
            BackgroundWork.Watch("a ping", Sender.SendAsync(ping()));
    }

    private static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;
}

/// <summary>What a <see cref="FrameLoop"/> reads for.</summary>
internal interface IFrameHandler
{
    /// <summary>Takes over the frame. Called for one at a time, in the order of arrival; doesn't wait.</summary>
    /// <exception cref="MalformedMessageException">It doesn't belong on this connection, or isn't what its type says.</exception>
    FrameHandled Handle(ReceivedFrame frame);

    /// <summary>Why the connection ended in good order.</summary>
    /// <param name="goodbye">What the peer said; null: nothing.</param>
    string DescribeEnd(string? goodbye);
}

/// <summary>What the handling of a frame leaves.</summary>
/// <param name="Sent">The reader waits for it before it reads on: the room in the send queue.</param>
/// <param name="Work">Runs beside the reader; null: nothing.</param>
internal readonly record struct FrameHandled(ValueTask Sent, IThreadPoolWorkItem? Work = null);

/// <summary>
/// Reads a control connection's frames, one after the other. What a frame sets off beside its handling, a call to run or a caller who goes
/// on, runs on the thread that read the frame if nothing more has come yet; the thread that brings the next frame then reads on
/// (leader and followers; Schmidt et al., Pattern-Oriented Software Architecture, volume 2). So a lone call is answered without
/// a change of threads, and a slow one holds up no frame. What more than one frame sets off goes to the thread pool.
/// </summary>
internal sealed class FrameLoop
{
    private readonly RpcConnection _connection;
    private readonly IFrameHandler _handler;
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action _readOn;

    /// <summary>Owned by the one who reads; set only while nobody does.</summary>
    private ValueTask<ReceivedFrame> _next;

    public FrameLoop(RpcConnection connection, IFrameHandler handler)
    {
        (_connection, _handler) = (connection, handler);
        _readOn = () => BackgroundWork.Watch("reading frames", ReadAsync());
    }

    /// <summary>Reads until the connection ends, and says why it did.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    /// <exception cref="MalformedMessageException">What came doesn't belong there.</exception>
    public Task<string> RunAsync()
    {
        _next = _connection.ReceiveAsync(FrameLimits.ControlBytes);
        BackgroundWork.Watch("reading frames", ReadAsync());
        return _ended.Task;
    }

    private async Task ReadAsync()
    {
        try
        {
            while (true)
            {
                ReceivedFrame frame = await _next;
                if (HasEnded(frame))
                    return;
                FrameHandled handled = _handler.Handle(frame);
                await handled.Sent;
                _next = _connection.ReceiveAsync(FrameLimits.ControlBytes);
                if (handled.Work is { } work && !TryRunHere(work))
                    WorkQueue.Add(work);
                else if (handled.Work is not null)
                    return;
            }
        }
        catch (Exception e)
        {
            _ended.TrySetException(e);
        }
    }

    /// <summary>True: the work was run here, and another thread reads on, or will.</summary>
    private bool TryRunHere(IThreadPoolWorkItem work)
    {
        if (!WorkQueue.MayRunHere || _next.IsCompleted)
            return false;
        // Not an await, which would read on here if the next frame came in this moment.
        ValueTaskAwaiter<ReceivedFrame> next = _next.GetAwaiter();
        next.UnsafeOnCompleted(_readOn);
        work.Execute();
        return true;
    }

    private bool HasEnded(ReceivedFrame frame)
    {
        if (!frame.IsEnd && frame.Type != FrameType.Goodbye)
            return false;
        using (frame)
            _ended.TrySetResult(_handler.DescribeEnd(frame.IsEnd ? null : GoodbyeFrame.Read(frame.Content.Span)));
        return true;
    }
}

/// <summary>
/// A connection's send queue. Frames are appended under a short lock and leave in batches: whoever flushes an idle queue sends, everyone
/// else's frames go along with the next batch. Beyond its bound, flushing waits: that is the back-pressure.
/// </summary>
internal sealed class FrameSender(
    IFrameConnection connection, TimeProvider time, int maxQueuedBytes, RpcStatistics statistics, Action<string> onFailure, QueuedBytes? all = null)
{
    private readonly Lock _gate = new();
    private PooledBuffer _filling = new();
    private PooledBuffer _flying = new();
    private TaskCompletionSource? _room;
    private bool _isSending;
    private bool _isClosed;
    private long _sendingSince;
    private int _queuedBytes;

    /// <summary>Queues a frame. It goes out with the next <see cref="FlushAsync"/>, by whomever.</summary>
    public void Append<TFrame>(TFrame frame, ReadOnlySpan<byte> body)
        where TFrame : struct, IFrame
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            int before = _filling.Length;
            FrameWriter.Write(_filling, frame, body);
            Count(_filling.Length - before);
        }
    }

    /// <summary>Sends what is queued, or sees that it is being sent; returns when the queue has room for more.</summary>
    public ValueTask FlushAsync()
    {
        bool mustSend;
        Task room = Task.CompletedTask;
        lock (_gate)
        {
            mustSend = !_isSending && !_isClosed && _filling.Length > 0;
            _isSending |= mustSend;
            if (Volatile.Read(ref _queuedBytes) > maxQueuedBytes && !_isClosed)
            {
                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
            }
        }

        if (mustSend)
            BackgroundWork.Watch("sending frames", SendQueuedAsync());
        return room.IsCompleted ? default : new ValueTask(room);
    }

    public ValueTask SendAsync<TFrame>(TFrame frame, ReadOnlySpan<byte> body = default)
        where TFrame : struct, IFrame
    {
        Append(frame, body);
        return FlushAsync();
    }

    /// <summary>The queue may take more: the peer reads, or hasn't been sent much that it could have read.</summary>
    public bool HasRoom => Volatile.Read(ref _queuedBytes) is var queued && queued <= maxQueuedBytes && (all is null || all.HasRoomFor(queued));

    /// <summary>For how long the peer hasn't taken what is being sent.</summary>
    public TimeSpan StalledFor
    {
        get
        {
            long since = Volatile.Read(ref _sendingSince);
            return since == 0 ? TimeSpan.Zero : time.GetElapsedTime(since);
        }
    }

    /// <summary>Drops what is queued; nothing is sent any more.</summary>
    public void Close()
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            _isClosed = true;
            Count(-_filling.Length);
            _filling.Dispose();
            (room, _room) = (_room, null);
        }

        room?.TrySetResult();
    }

    /// <summary>One runs at a time, from the first frame in an empty queue until the queue is empty again.</summary>
    private async Task SendQueuedAsync()
    {
        try
        {
            while (TakeBatch())
            {
                await connection.SendAsync(_flying.WrittenMemory);
                statistics.CountSent(_flying.Length);
                Count(-_flying.Length);
                _flying.Clear();
                Volatile.Write(ref _sendingSince, 0);
                TellRoom();
            }
        }
        catch (Exception e)
        {
            // Whatever it was, the queue can't go on: the connection ends with this as its reason.
            Count(-_flying.Length);
            onFailure($"sending failed: {e.Message}");
        }
    }

    private void Count(int bytes)
    {
        Interlocked.Add(ref _queuedBytes, bytes);
        all?.Add(bytes);
    }

    private bool TakeBatch()
    {
        lock (_gate)
        {
            if (_filling.Length == 0 || _isClosed)
            {
                _isSending = false;
                return false;
            }

            (_filling, _flying) = (_flying, _filling);
            Volatile.Write(ref _sendingSince, Math.Max(1, time.GetTimestamp()));
            return true;
        }
    }

    /// <summary>A batch is gone.</summary>
    private void TellRoom()
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            if (Volatile.Read(ref _queuedBytes) > maxQueuedBytes)
                return;
            (room, _room) = (_room, null);
        }

        room?.TrySetResult();
    }
}
