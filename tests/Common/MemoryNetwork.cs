using Afs.Rpc;

namespace Afs.Tests.Common;

/// <summary>
/// Hosts and frames between them, in one process, on a clock and a seed that are given. It drops, delays, doubles and reorders frames,
/// cuts links one way or both, and crashes hosts.
/// </summary>
/// <remarks>Guarded by one lock; deliveries run on the clock's thread.</remarks>
public sealed class MemoryNetwork(TimeProvider time, Random random)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, MemoryListener> _listeners = [];
    private readonly HashSet<(string From, string To)> _cuts = [];
    private readonly Dictionary<(string From, string To), TimeSpan> _lags = [];
    private readonly List<MemoryConnection> _connections = [];
    private MemoryNetworkOptions _options = new();

    /// <summary>May change at any moment; a connection keeps whether it is reliable.</summary>
    public MemoryNetworkOptions Options
    {
        get => Volatile.Read(ref _options);
        set => Volatile.Write(ref _options, value);
    }

    /// <summary>The network as one host sees it.</summary>
    public ITransport TransportOf(string host) => new MemoryTransport(this, host);

    /// <summary>Frames from one host to another vanish, and connecting fails, until <see cref="Heal"/>. Nobody is told.</summary>
    public void Cut(string from, string to)
    {
        lock (_gate)
            _cuts.Add((from, to));
    }

    public void CutBothWays(string one, string other)
    {
        Cut(one, other);
        Cut(other, one);
    }

    /// <summary>Frames from one host to another take so much longer, until <see cref="Heal"/>.</summary>
    public void Lag(string from, string to, TimeSpan by)
    {
        lock (_gate)
            _lags[(from, to)] = by;
    }

    /// <summary>All cuts and lags end.</summary>
    public void Heal()
    {
        lock (_gate)
        {
            _cuts.Clear();
            _lags.Clear();
        }
    }

    /// <summary>
    /// The host dies: its listeners and connections are gone. Its peers are told, as by a reset, or learn nothing, as when the power failed.
    /// </summary>
    public void Crash(string host, bool tellPeers)
    {
        MemoryConnection[] dead;
        lock (_gate)
        {
            foreach (string name in _listeners.Where(pair => pair.Key == host).Select(pair => pair.Key).ToArray())
            {
                _listeners[name].Close();
                _listeners.Remove(name);
            }

            dead = [.. _connections.Where(connection => connection.LocalHost == host)];
        }

        foreach (MemoryConnection connection in dead)
            connection.Kill(tellPeers);
    }

    internal bool IsCut(string from, string to)
    {
        lock (_gate)
            return _cuts.Contains((from, to));
    }

    internal TimeSpan LagOf(string from, string to)
    {
        lock (_gate)
            return _lags.GetValueOrDefault((from, to));
    }

    internal MemoryListener Listen(string host, RpcEndpoint endpoint)
    {
        lock (_gate)
        {
            if (_listeners.ContainsKey(host))
                throw new RpcEndpointException($"Cannot listen at {endpoint}: the address is in use, maybe by another server.");
            var listener = new MemoryListener(this, host, endpoint);
            _listeners.Add(host, listener);
            return listener;
        }
    }

    internal void Unlisten(MemoryListener listener)
    {
        lock (_gate)
        {
            if (_listeners.TryGetValue(listener.Host, out MemoryListener? current) && current == listener)
                _listeners.Remove(listener.Host);
        }
    }

    internal MemoryConnection Connect(string from, string to)
    {
        MemoryListener? listener;
        MemoryConnection near;
        MemoryConnection far;
        lock (_gate)
        {
            if (_cuts.Contains((from, to)) || _cuts.Contains((to, from)))
                throw new IOException($"no connection to memory:{to}: no route to host");
            if (!_listeners.TryGetValue(to, out listener))
                throw new IOException($"no connection to memory:{to}: connection refused");
            (near, far) = MemoryConnection.Pair(this, from, to, _options.IsReliable);
            _connections.Add(near);
            _connections.Add(far);
        }

        listener.Offer(far);
        return near;
    }

    internal void Forget(MemoryConnection connection)
    {
        lock (_gate)
            _connections.Remove(connection);
    }

    /// <summary>Decides the fate of a frame: when its copies arrive, none where it is lost. True: the connection breaks instead.</summary>
    internal bool Decide(bool isReliable, List<TimeSpan> arrivals)
    {
        MemoryNetworkOptions options = Options;
        lock (_gate)
        {
            if (Chance(options.BreakProbability))
                return true;
            if (!isReliable && Chance(options.DropProbability))
                return false;
            arrivals.Add(Delay(options));
            if (!isReliable && Chance(options.DuplicateProbability))
                arrivals.Add(Delay(options));
            return false;
        }
    }

    internal bool Reorders(bool isReliable) => !isReliable && Options.Reorders;

    internal TimeProvider Time => time;

    private bool Chance(double probability) => probability > 0 && random.NextDouble() < probability;

    private TimeSpan Delay(MemoryNetworkOptions options) =>
        options.MinDelay + ((options.MaxDelay - options.MinDelay) * random.NextDouble());
}

/// <summary>What a <see cref="MemoryNetwork"/> does to frames.</summary>
public sealed record MemoryNetworkOptions
{
    /// <summary>No frame is faster.</summary>
    public TimeSpan MinDelay { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>No frame that arrives is slower.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMilliseconds(3);

    /// <summary>From 0 to 1: a frame is lost.</summary>
    public double DropProbability { get; init; }

    /// <summary>From 0 to 1: a frame arrives twice.</summary>
    public double DuplicateProbability { get; init; }

    /// <summary>Frames may overtake each other.</summary>
    public bool Reorders { get; init; }

    /// <summary>From 0 to 1, per frame: the connection breaks for both sides.</summary>
    public double BreakProbability { get; init; }

    /// <summary>As TCP: once and in order, or not at all.</summary>
    internal bool IsReliable => DropProbability == 0 && DuplicateProbability == 0 && !Reorders;
}

/// <summary>A <see cref="MemoryNetwork"/> as one of its hosts sees it.</summary>
internal sealed class MemoryTransport(MemoryNetwork network, string host) : ITransport
{
    public async ValueTask<IFrameConnection> ConnectAsync(RpcEndpoint endpoint, CancellationToken cancellation)
    {
        string server = HostOf(endpoint);
        await Task.Delay(network.Options.MaxDelay, network.Time, cancellation);
        return network.Connect(host, server);
    }

    public ValueTask<IFrameListener> ListenAsync(RpcEndpoint endpoint, CancellationToken cancellation) =>
        HostOf(endpoint) == host
            ? new ValueTask<IFrameListener>(network.Listen(host, endpoint))
            : throw new RpcEndpointException($"Cannot listen at {endpoint}: this host is memory:{host}.");

    private static string HostOf(RpcEndpoint endpoint) =>
        endpoint is RpcEndpoint.Memory memory ? memory.Host : throw new RpcEndpointException($"'{endpoint}' is no address of a memory network.");
}

/// <summary>Accepts connections at one host of a <see cref="MemoryNetwork"/>.</summary>
internal sealed class MemoryListener(MemoryNetwork network, string host, RpcEndpoint endpoint) : IFrameListener
{
    private readonly Lock _gate = new();
    private readonly Queue<MemoryConnection> _offered = new();
    private TaskCompletionSource<IFrameConnection>? _accepting;
    private bool _isClosed;

    public string Host => host;

    public RpcEndpoint Endpoint => endpoint;

    public ValueTask<IFrameConnection> AcceptAsync()
    {
        lock (_gate)
        {
            if (_isClosed)
                throw new OperationCanceledException("The listener was closed.");
            if (_offered.TryDequeue(out MemoryConnection? connection))
                return new ValueTask<IFrameConnection>(connection);
            _accepting = new TaskCompletionSource<IFrameConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask<IFrameConnection>(_accepting.Task);
        }
    }

    public void Offer(MemoryConnection connection)
    {
        TaskCompletionSource<IFrameConnection>? accepting;
        lock (_gate)
        {
            if (_isClosed)
            {
                connection.Abort();
                return;
            }

            (accepting, _accepting) = (_accepting, null);
            if (accepting is null)
                _offered.Enqueue(connection);
        }

        accepting?.SetResult(connection);
    }

    public void Close()
    {
        TaskCompletionSource<IFrameConnection>? accepting;
        lock (_gate)
        {
            _isClosed = true;
            (accepting, _accepting) = (_accepting, null);
        }

        accepting?.SetException(new OperationCanceledException("The listener was closed."));
    }

    public ValueTask DisposeAsync()
    {
        network.Unlisten(this);
        Close();
        return default;
    }
}

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

    public string Host => _remoteHost;

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

    public async ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes, ArrivalRoom? room = null)
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
        TimeProvider time = _network.Time;
        lock (_gate)
        {
            long now = time.GetTimestamp();
            _lastArrival = Math.Max(_lastArrival, now + (long)(delay.TotalSeconds * time.TimestampFrequency));
            return time.GetElapsedTime(now, _lastArrival);
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
