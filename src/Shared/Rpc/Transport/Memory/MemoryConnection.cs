namespace Afs.Rpc;

/// <summary>One end of a connection in a <see cref="MemoryNetwork"/>. What it sends is put into the other end's inbox when the clock says so.</summary>
internal sealed class MemoryConnection : IFrameConnection
{
    private readonly MemoryNetwork _network;
    private readonly string _remoteHost;
    private readonly Lock _gate = new();
    private readonly Queue<byte[]> _inbox = new();
    private readonly Queue<Action> _inOrder = new();
    private readonly Lock _delivery = new();
    private MemoryConnection _other = null!;
    private TaskCompletionSource? _arrival;
    private long _lastArrival;
    private bool _isEnded;
    private bool _isAborted;

    private MemoryConnection(MemoryNetwork network, string localHost, string remoteHost, bool isReliable) =>
        (_network, LocalHost, _remoteHost, IsReliable) = (network, localHost, remoteHost, isReliable);

    public string LocalHost { get; }

    public string Peer => "memory:" + _remoteHost;

    public bool IsReliable { get; }

    public static (MemoryConnection Near, MemoryConnection Far) Pair(MemoryNetwork network, string from, string to, bool isReliable)
    {
        var near = new MemoryConnection(network, from, to, isReliable);
        var far = new MemoryConnection(network, to, from, isReliable);
        (near._other, far._other) = (far, near);
        return (near, far);
    }

    public ValueTask EstablishAsync(CancellationToken cancellation) => default;

    public ValueTask SendAsync(ReadOnlyMemory<byte> frames)
    {
        while (!frames.IsEmpty)
        {
            if (Volatile.Read(ref _isAborted) || Volatile.Read(ref _isEnded))
                throw new IOException("the connection was closed");
            FrameReader.TryReadLength(frames.Span, int.MaxValue, out int lengthBytes);
            int wireBytes = FrameLimits.PrefixBytes + lengthBytes;
            SendOne(frames[..wireBytes].ToArray());
            frames = frames[wireBytes..];
        }

        return default;
    }

    public async ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes)
    {
        while (true)
        {
            Task arrival;
            lock (_gate)
            {
                if (_isAborted)
                    throw new IOException("the connection was closed");
                if (_inbox.TryDequeue(out byte[]? frame))
                    return Parse(frame, maxBytes);
                if (_isEnded)
                    return ReceivedFrame.End;
                _arrival ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                arrival = _arrival.Task;
            }

            await arrival;
        }
    }

    public void Abort() => Kill(tellPeer: true);

    /// <summary>This end is gone. The other learns it after all that was sent has arrived, or not at all.</summary>
    public void Kill(bool tellPeer)
    {
        lock (_gate)
        {
            if (_isAborted)
                return;
            _isAborted = true;
        }

        _network.Forget(this);
        Wake();
        if (tellPeer)
            LaterInOrder(TimeSpan.Zero, () => _other.End());
    }

    public ValueTask DisposeAsync()
    {
        Abort();
        return default;
    }

    private static ReceivedFrame Parse(byte[] frame, int maxBytes)
    {
        FrameReader.TryReadLength(frame, maxBytes, out _);
        return ReceivedFrame.CopyOf(FrameReader.ReadType(frame[FrameLimits.PrefixBytes]), frame.AsSpan(FrameLimits.PrefixBytes + 1));
    }

    private void SendOne(byte[] frame)
    {
        var arrivals = new List<TimeSpan>(2);
        if (_network.Decide(IsReliable, arrivals))
        {
            Abort();
            throw new IOException("connection reset by peer");
        }

        TimeSpan lag = _network.LagOf(LocalHost, _remoteHost);
        foreach (TimeSpan arrival in arrivals)
        {
            if (_network.Reorders(IsReliable))
                Later(arrival + lag, () => Deliver(frame));
            else
                LaterInOrder(arrival + lag, () => Deliver(frame));
        }
    }

    /// <summary>A timer stands for "the next in line", for a real clock's timers don't keep the order of those that are due together.</summary>
    private void LaterInOrder(TimeSpan delay, Action action)
    {
        lock (_gate)
            _inOrder.Enqueue(action);
        Later(InOrder(delay), () =>
        {
            lock (_delivery)
            {
                Action next;
                lock (_gate)
                    next = _inOrder.Dequeue();
                next();
            }
        });
    }

    /// <summary>Not before what was sent earlier.</summary>
    private TimeSpan InOrder(TimeSpan delay)
    {
        lock (_gate)
        {
            _lastArrival = Math.Max(_lastArrival, _network.Time.After(delay));
            return _network.Time.Until(_lastArrival);
        }
    }

    private void Later(TimeSpan delay, Action action)
    {
        ITimer? timer = null;
        timer = _network.Time.CreateTimer(
            _ =>
            {
                timer?.Dispose();
                action();
            },
            null,
            delay,
            Timeout.InfiniteTimeSpan);
    }

    private void Deliver(byte[] frame)
    {
        if (_network.IsCut(LocalHost, _remoteHost))
            return;
        lock (_other._gate)
        {
            if (_other._isAborted)
                return;
            _other._inbox.Enqueue(frame);
        }

        _other.Wake();
    }

    private void End()
    {
        if (_network.IsCut(_remoteHost, LocalHost))
            return;
        Volatile.Write(ref _isEnded, true);
        Wake();
    }

    private void Wake()
    {
        TaskCompletionSource? arrival;
        lock (_gate)
            (arrival, _arrival) = (_arrival, null);
        arrival?.TrySetResult();
    }
}
