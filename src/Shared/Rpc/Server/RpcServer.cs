using System.Collections.Concurrent;

namespace Afs.Rpc;

/// <summary>Listens, takes connections within its bound, and stops by draining: what runs may end, nothing more begins.</summary>
public sealed class RpcServer : IAsyncDisposable
{
    private readonly RpcServerOptions _options;
    private readonly ServerParts _parts;
    private readonly ConnectionAcceptor _acceptor;
    private readonly List<IFrameListener> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly ConcurrentDictionary<RpcConnection, Task> _connections = new();
    private int _connectionCount;
    private bool _isStopped;

    public RpcServer(RpcServerOptions options)
    {
        _options = options;
        _parts = new ServerParts(options);
        _acceptor = new ConnectionAcceptor(_parts, options.Random);
    }

    public RpcStatistics Statistics => _options.Statistics;

    /// <summary>Where it listens, with the ports that were chosen.</summary>
    public IReadOnlyList<RpcEndpoint> Endpoints => [.. _listeners.Select(listener => listener.Endpoint)];

    /// <summary>Connections of all kinds.</summary>
    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    /// <summary>Throws where sessions and the replies that they remember are inconsistent; for tests and simulation.</summary>
    public void CheckInvariants() => _parts.Sessions.CheckInvariants();

    /// <exception cref="RpcEndpointException">One of the addresses can't be listened at; then none is.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        try
        {
            foreach (RpcEndpoint endpoint in _options.Endpoints)
                _listeners.Add(await _options.Transport.ListenAsync(endpoint, cancellation));
        }
        catch
        {
            await CloseListenersAsync();
            throw;
        }

        foreach (IFrameListener listener in _listeners)
        {
            _options.Log.Listening(listener.Endpoint);
            _accepting.Add(AcceptAsync(listener));
        }
    }

    /// <summary>Takes nothing more, lets what runs end for at most <paramref name="drain"/>, then ends all connections.</summary>
    public async Task StopAsync(TimeSpan drain)
    {
        if (_isStopped)
            return;
        _isStopped = true;
        await CloseListenersAsync();
        await Task.WhenAll(_accepting);
        await _parts.DrainAsync(drain);
        foreach (RpcConnection connection in _connections.Keys)
            await connection.GoodbyeAsync("the server stops");
        await Task.WhenAll(_connections.Values);
    }

    /// <summary>Stops without draining.</summary>
    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.Zero);

    private async Task AcceptAsync(IFrameListener listener)
    {
        while (!_isStopped)
        {
            try
            {
                await TakeAsync(await listener.AcceptAsync());
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (IOException e)
            {
                // Out of descriptors, or the like: it passes when connections end.
                _options.Log.AcceptFailed(listener.Endpoint, e.Message);
                await Task.Delay(_options.Timings.Reconnect.Most, _options.Time);
            }
        }
    }

    private async ValueTask TakeAsync(IFrameConnection transport)
    {
        if (Interlocked.Increment(ref _connectionCount) > _options.Limits.Connections)
        {
            Interlocked.Decrement(ref _connectionCount);
            _options.Log.Refused(transport.Peer, $"there are {_options.Limits.Connections} connections already");
            await transport.DisposeAsync();
            return;
        }

        var connection = new RpcConnection(transport, _options.Time, _options.Timings, _options.Limits.QueuedSendBytes, _options.Statistics);
        var ended = new TaskCompletionSource();
        _connections[connection] = ended.Task;
        _ = ServeAsync(connection, transport, ended);
    }

    private async Task ServeAsync(RpcConnection connection, IFrameConnection transport, TaskCompletionSource ended)
    {
        await _acceptor.ServeAsync(connection, transport);
        _connections.TryRemove(connection, out _);
        Interlocked.Decrement(ref _connectionCount);
        ended.SetResult();
    }

    private async Task CloseListenersAsync()
    {
        foreach (IFrameListener listener in _listeners)
            await listener.DisposeAsync();
    }
}
