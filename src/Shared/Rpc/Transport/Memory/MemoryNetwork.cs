namespace Afs.Rpc;

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
