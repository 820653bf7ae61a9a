using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Afs.Rpc;

/// <summary>Listens, takes connections within its bound, and stops by draining: what runs may end, nothing more begins.</summary>
public sealed class RpcServer : IAsyncDisposable
{
    private const string Accepting = "accepting";

    private readonly RpcServerOptions _options;
    private readonly ServerParts _parts;
    private readonly ConnectionAcceptor _acceptor;
    private readonly List<IFrameListener> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly ConcurrentDictionary<RpcConnection, Task> _connections = new();
    private bool _isStopped;

    public RpcServer(RpcServerOptions options)
    {
        _options = options;
        _parts = new ServerParts(options, new PeerWarnings(options.Time));
        _acceptor = new ConnectionAcceptor(_parts, options.Random);
    }

    public RpcStatistics Statistics => _options.Statistics;

    /// <summary>Where it listens, with the ports that were chosen.</summary>
    public IReadOnlyList<RpcEndpoint> Endpoints => [.. _listeners.Select(listener => listener.Endpoint)];

    /// <summary>Connections of all kinds.</summary>
    public int ConnectionCount => (int)_parts.Connections.Used;

    /// <summary>Bytes that wait to be sent, on all connections.</summary>
    public long QueuedBytes => _parts.Queued.Bytes;

    /// <summary>Bytes of long frames that are announced and not all there, on all connections.</summary>
    public long ArrivingBytes => _parts.Arriving.UsedBytes;

    /// <summary>Throws where sessions and the replies that they remember are inconsistent; for tests and simulation.</summary>
    public void CheckInvariants()
    {
        foreach (ServedScope scope in _parts.Scopes)
            scope.Sessions.CheckInvariants();
    }

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
            _accepting.Add(BackgroundWork.Watch("accepting connections", AcceptAsync(listener)));
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
            catch (Exception e) when (_isStopped && e is OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (!_isStopped)
            {
                // Out of descriptors, or the like: it passes when connections end. Whatever it is, to stop accepting without a word would be worse.
                if (_parts.Warnings.MayTell(listener.Endpoint.ToString()!, Accepting, out string more))
                    _options.Log.AcceptFailed(listener.Endpoint, e.Message, more);
                await Task.Delay(_options.Timings.Reconnect.Most, _options.Time);
            }
        }
    }

    private async ValueTask TakeAsync(IFrameConnection transport)
    {
        string host = transport.Host;
        if (!_parts.Connections.TryTake(host, 1))
        {
            if (_parts.Warnings.MayTell(host, out string more))
                _options.Log.Refused(transport.Peer, $"there are {ConnectionCount} connections already, {_parts.Connections.HeldBy(host)} of them from there{more}");
            await transport.DisposeAsync();
            return;
        }

        var connection = new RpcConnection(
            transport, _options.Time, _options.Timings, _options.Limits.QueuedSendBytes, _options.Statistics, _parts.Queued, _parts.Arriving);
        var ended = new TaskCompletionSource();
        _connections[connection] = ended.Task;
        BackgroundWork.Start("serving a connection", () => ServeAsync(connection, transport, host, ended));
    }

    private async Task ServeAsync(RpcConnection connection, IFrameConnection transport, string host, TaskCompletionSource ended)
    {
        await _acceptor.ServeAsync(connection, transport);
        _connections.TryRemove(connection, out _);
        _parts.Connections.GiveBack(host, 1);
        ended.SetResult();
    }

    private async Task CloseListenersAsync()
    {
        foreach (IFrameListener listener in _listeners)
            await listener.DisposeAsync();
    }
}

/// <summary>What a server is made of.</summary>
public sealed record RpcServerOptions
{
    public required ITransport Transport { get; init; }

    public required IReadOnlyList<RpcEndpoint> Endpoints { get; init; }

    /// <summary>Each with another name.</summary>
    public required IReadOnlyList<RpcScope> Scopes { get; init; }

    /// <summary>32 random bytes of which the sessions' tokens are made; the same in each life of the server, and known to nobody else.</summary>
    public required ReadOnlyMemory<byte> SessionKey { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Its numbers decide back-offs only. Not shared with other threads after this.</summary>
    public required Random Random { get; init; }

    public ILogger Log { get; init; } = NullLogger.Instance;

    public RpcTimings Timings { get; init; } = new();

    public RpcLimits Limits { get; init; } = new();

    public RpcStatistics Statistics { get; init; } = new();
}

/// <summary>
/// One of a server's services, with a state of its own: sessions, call numbers and kept replies belong to (client, scope), so a scope can move to another server
/// and take its at-most-once along. A connection is for one scope, which its Hello names.
/// </summary>
public sealed record RpcScope
{
    /// <summary>At most <see cref="FrameLimits.ScopeBytes"/> bytes.</summary>
    public required string Name { get; init; }

    public required IRpcDispatcher Dispatcher { get; init; }

    public required IServerSessions Sessions { get; init; }

    public required IReplyStore Replies { get; init; }

    /// <summary>Null: it moves no bulk content.</summary>
    public IBulkHandler? Bulk { get; init; }
}

/// <summary>Takes a connection from its first byte through its handshake to what it is for, until it ends; logs why it ended, once.</summary>
internal sealed class ConnectionAcceptor(ServerParts parts, Random random)
{
    /// <summary>A Hello has far less. Whatever else knocks is turned away before anything is allocated for it.</summary>
    private const int MaxHelloBytes = 256;

    private readonly RpcServerOptions _options = parts.Options;

    public async Task ServeAsync(RpcConnection connection, IFrameConnection transport)
    {
        bool isBroken = true;
        string reason;
        try
        {
            reason = await ServeEstablishedAsync(connection, transport);
            isBroken = false;
        }
        catch (Exception e) when (e is IOException or MalformedMessageException or OperationCanceledException)
        {
            reason = connection.EndReason ?? e.Message;
        }
        catch (Exception e)
        {
            if (parts.Warnings.MayTell(transport.Host, out _))
                parts.Log.ConnectionFailed(connection.Peer, e);
            reason = e.Message;
        }

        connection.Break(reason);
        await transport.DisposeAsync();
        if (isBroken)
        {
            _options.Statistics.CountBroken();
            if (parts.Warnings.MayTell(transport.Host, out string more))
                parts.Log.ConnectionBroken(connection.Peer, (connection.EndReason ?? reason) + more);
        }
        else
        {
            parts.Log.ConnectionEnded(connection.Peer, connection.EndReason ?? reason);
        }
    }

    private async Task<string> ServeEstablishedAsync(RpcConnection connection, IFrameConnection transport)
    {
        HelloFrame hello;
        using (var handshake = new CancellationTokenSource(_options.Timings.Handshake, parts.Time))
        using (handshake.Token.Register(() => connection.Break($"no handshake within {_options.Timings.Handshake.TotalSeconds} s")))
        {
            await transport.EstablishAsync(handshake.Token);
            hello = await ReceiveHelloAsync(connection);
        }

        if (hello.Version != ProtocolVersion.Current)
            return await RefuseAsync(connection, RefusalReason.Version, $"this server speaks protocol version {ProtocolVersion.Current}, the client version {hello.Version}");
        if (parts.Stopping.IsCancellationRequested)
            return await RefuseAsync(connection, RefusalReason.Busy, "the server is stopping");
        if (parts.FindScope(hello.Scope) is not { } scope)
            return await RefuseAsync(connection, RefusalReason.ScopeUnknown, "there is none of that name here");
        bool isNew = hello.Session == default;
        if (isNew && hello.Role != ConnectionRole.Control)
            throw new MalformedMessageException("Malformed Hello frame: a bulk connection without a session.");
        ServerSession? session = isNew
            ? await scope.Sessions.CreateAsync(hello.Client, transport.Host, parts.Stopping)
            : parts.Tokens.AreOf(hello.Token, hello.Scope, hello.Session, hello.Client) ? scope.Sessions.Find(hello.Session, hello.Client, transport.Host) : null;
        if (session is null && isNew)
            return await RefuseAsync(connection, RefusalReason.Busy, "there are as many sessions as may be, and all are in use");
        if (session is null)
            return await RefuseAsync(connection, RefusalReason.SessionUnknown, "the session is unknown or has ended");
        try
        {
            return hello.Role == ConnectionRole.Control
                ? await ServeControlAsync(connection, session, isNew)
                : await new ServerBulkConnection(connection, session, parts).RunAsync(Welcome(session, isNew: false));
        }
        finally
        {
            scope.Sessions.Release(session);
        }
    }

    private static async Task<HelloFrame> ReceiveHelloAsync(RpcConnection connection)
    {
        using ReceivedFrame frame = await connection.ReceiveAsync(MaxHelloBytes);
        return frame.Type == FrameType.Hello
            ? HelloFrame.Read(frame.Content.Span)
            : throw new MalformedMessageException(frame.IsEnd ? "the peer left without a word" : $"Malformed connection: it begins with a {frame.Type} frame.");
    }

    private async Task<string> ServeControlAsync(RpcConnection connection, ServerSession session, bool isNew)
    {
        var control = new ServerConnection(connection, session, Welcome(session, isNew), parts, Fork());
        session.Attach(control)?.Connection.Break("the client has come back by another connection");
        if (!session.Scope.Owner.Attached(session.Id, session.Client, control))
        {
            session.Detach(control);
            session.Scope.Sessions.Remove(session);
            return await RefuseAsync(connection, RefusalReason.SessionUnknown, "the session has ended");
        }

        _options.Statistics.CountConnection();
        parts.Log.Attached(session.Id.Value, session.Client, connection.Peer);
        try
        {
            connection.Watch(ping: null);
            return await control.RunAsync();
        }
        finally
        {
            session.Detach(control);
            session.Scope.Owner.Detached(session.Id, control);
        }
    }

    /// <summary>A source of its own for each connection: they run on many threads.</summary>
    private Random Fork()
    {
        lock (random)
            return new Random(random.Next());
    }

    private WelcomeFrame Welcome(ServerSession session, bool isNew)
    {
        IServerSessions sessions = session.Scope.Owner;
        return new WelcomeFrame(session.Id, parts.Tokens.Of(session.Scope.Name, session.Id, session.Client), isNew, sessions.Epoch, (uint)sessions.Lease.TotalMilliseconds, sessions.Trust(session.Id));
    }

    private async Task<string> RefuseAsync(RpcConnection connection, RefusalReason reason, string text)
    {
        if (parts.Warnings.MayTell(connection.Host, out string more))
            parts.Log.Refused(connection.Peer, text + more);
        await connection.Sender.SendAsync(new RefusalFrame(reason, ProtocolVersion.Current), System.Text.Encoding.UTF8.GetBytes(text));
        return "refused: " + text;
    }
}
