namespace Afs.Rpc;

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
            parts.Log.ConnectionFailed(connection.Peer, e);
            reason = e.Message;
        }

        connection.Break(reason);
        await transport.DisposeAsync();
        if (isBroken)
        {
            _options.Statistics.CountBroken();
            parts.Log.ConnectionBroken(connection.Peer, connection.EndReason ?? reason);
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
        bool isNew = hello.Session == default;
        if (isNew && hello.Role != ConnectionRole.Control)
            throw new MalformedMessageException("Malformed Hello frame: a bulk connection without a session.");
        ServerSession? session = isNew
            ? await parts.Sessions.CreateAsync(hello.Client, parts.Stopping)
            : parts.Sessions.Find(hello.Session, hello.Client);
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
            parts.Sessions.Release(session);
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
        if (!_options.Sessions.Attached(session.Id, session.Client, control))
        {
            session.Detach(control);
            parts.Sessions.Remove(session);
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
            _options.Sessions.Detached(session.Id, control);
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
        IServerSessions sessions = _options.Sessions;
        return new WelcomeFrame(session.Id, isNew, sessions.Epoch, (uint)sessions.Lease.TotalMilliseconds, sessions.ResetCount(session.Id));
    }

    private async Task<string> RefuseAsync(RpcConnection connection, RefusalReason reason, string text)
    {
        parts.Log.Refused(connection.Peer, text);
        await connection.Sender.SendAsync(new RefusalFrame(reason, ProtocolVersion.Current), System.Text.Encoding.UTF8.GetBytes(text));
        return "refused: " + text;
    }
}
