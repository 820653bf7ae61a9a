using System.Diagnostics;

namespace Afs.Rpc;

/// <summary>A control connection at the server, after its handshake: calls of the client come in, and calls to the client go out.</summary>
internal sealed class ServerConnection : IRpcChannel, IFrameHandler
{
    private readonly ServerParts _parts;
    private readonly ServerSession _session;
    private readonly OutgoingCalls _calls;
    private readonly CallMaker _maker;
    private readonly WelcomeFrame _welcome;

    public ServerConnection(RpcConnection connection, ServerSession session, WelcomeFrame welcome, ServerParts parts, Random random)
    {
        (Connection, _session, _welcome, _parts) = (connection, session, welcome, parts);
        RpcServerOptions options = parts.Options;
        _calls = new OutgoingCalls(options.Time, random, options.Timings, options.Limits, options.Statistics);
        _maker = new CallMaker(_calls, options.Time, options.Timings, options.Statistics);
    }

    public RpcConnection Connection { get; }

    public string Peer => Connection.Peer;

    public string Host => Connection.Host;

    /// <summary>Calls the client, on this connection only: when it ends, what was sent is in doubt and the rest wasn't executed.</summary>
    public ValueTask<Outcome<TReply>> CallAsync<TRequest, TReply>(int operation, bool isMutation, TRequest request, CallContext context)
        where TRequest : IWireMessage<TRequest>
        where TReply : IWireMessage<TReply> => _maker.CallAsync<TRequest, TReply>(operation, isMutation, request, context);

    /// <summary>Reads until the connection ends, and says why it did.</summary>
    public async Task<string> RunAsync()
    {
        await Connection.Sender.SendAsync(_welcome);
        _calls.Attach(Connection, _session.Id);
        try
        {
            return await new FrameLoop(Connection, this).RunAsync();
        }
        finally
        {
            _calls.Dispose();
        }
    }

    public string DescribeEnd(string? goodbye) => goodbye is null ? "the client closed it" : "the client left: " + goodbye;

    public FrameHandled Handle(ReceivedFrame frame)
    {
        switch (frame.Type)
        {
            case FrameType.Request:
                return HandleRequest(frame);
            case FrameType.Reply:
                return HandleReply(frame);
        }

        using (frame)
        {
            switch (frame.Type)
            {
                case FrameType.Ping:
                    CallSequence seen = PingFrame.Read(frame.Content.Span).SeenThrough;
                    _session.RequireHeard(seen);
                    _parts.Forget(_session, seen);
                    return Sent(default(PongFrame));
                case FrameType.Pong:
                    return default;
                case FrameType.Hello when !Connection.IsReliable:
                    // The welcome was lost, or this is a duplicate.
                    return Sent(_welcome);
                default:
                    throw new MalformedMessageException($"Malformed connection: a {frame.Type} frame on a control connection.");
            }
        }
    }

    private FrameHandled HandleRequest(ReceivedFrame frame)
    {
        RequestFrame request = RequestFrame.Read(frame.Content.Span);
        if (request.Session != _session.Id)
            throw new MalformedMessageException("Malformed Request frame: it is of another session.");
        if (!_session.Scope.Owner.Contact(_session.Id))
        {
            _session.Scope.Sessions.Remove(_session);
            frame.Dispose();
            return Sent(_parts.Reply(_session, request.Sequence, ReplyStatus.SessionUnknown));
        }

        _session.Hear(request.Sequence);
        _parts.Forget(_session, request.SeenThrough);
        if (!_session.Scope.Runner.TryGetOperation(request.Operation, out RpcOperation operation))
        {
            frame.Dispose();
            return Sent(_parts.Reply(_session, request.Sequence, ReplyStatus.Aborted, RpcAbortCodes.NoSuchOperation));
        }

        // Who doesn't read gets nothing to read: its calls come again, and past the bound of the queue it isn't read either.
        if (!Connection.Sender.HasRoom || !_parts.TryEnter())
        {
            frame.Dispose();
            return Sent(_parts.Reply(_session, request.Sequence, ReplyStatus.Busy));
        }

        var digest = RequestDigest.Of(operation.Number, operation.IsMutation ? frame.Content.Span[RequestFrame.Bytes..] : default);
        Admission admission;
        IncomingCall? call;
        try
        {
            admission = _session.Incoming.Admit(request.Sequence, digest, operation.IsMutation, frame.Content.Length, out call);
        }
        catch (MalformedMessageException)
        {
            _parts.Leave();
            frame.Dispose();
            throw;
        }

        if (admission == Admission.Run)
            return new FrameHandled(default, new ServerCall(_parts, _session, this, operation, request, digest, frame));
        _parts.Leave();
        frame.Dispose();
        return AnswerDuplicate(request, admission, call);
    }

    private FrameHandled AnswerDuplicate(RequestFrame request, Admission admission, IncomingCall? call)
    {
        if (admission != Admission.Busy)
            _parts.Options.Statistics.CountDuplicate(request.Operation);
        return admission switch
        {
            Admission.Replay => Sent(_parts.Reply(_session, request.Sequence, (ReplyStatus)call!.Result.Kind, call.Result.Abort), call.Reply),
            Admission.Busy => Sent(_parts.Reply(_session, request.Sequence, ReplyStatus.Busy)),
            _ => default,
        };
    }

    private FrameHandled HandleReply(ReceivedFrame frame)
    {
        ReplyFrame reply = ReplyFrame.Read(frame.Content.Span);
        if (reply.Status == ReplyStatus.Busy)
            _calls.SendAgainLater(reply.Sequence);
        else if (_calls.Take(reply.Sequence) is { } call)
            return ReplyDelivery.Give(call, reply, frame, Connection);
        frame.Dispose();
        return default;
    }

    private FrameHandled Sent<TFrame>(TFrame frame, ReadOnlySpan<byte> body = default)
        where TFrame : struct, IFrame => new(Connection.Sender.SendAsync(frame, body));
}

/// <summary>A session as its server holds it: what it runs, what it remembers, and the connection that replies go to.</summary>
internal sealed class ServerSession(ServedScope scope, SessionId id, ClientId client, IncomingCalls incoming)
{
    private ServerConnection? _current;
    private ulong _heard;

    public ServedScope Scope => scope;

    public SessionId Id => id;

    public ClientId Client => client;

    public IncomingCalls Incoming => incoming;

    /// <summary>The control connection; null where there is none at the moment.</summary>
    public ServerConnection? Current => Volatile.Read(ref _current);

    /// <summary>Connections of both roles that stand on this session. Guarded by the table: while there are any, the session stays in memory.</summary>
    public int Connections { get; set; }

    /// <summary>The clock when the session was last in use, for choosing which to drop.</summary>
    public long LastUsed { get; set; }

    /// <summary>A call of this number came. Calls come on connections of both roles.</summary>
    public void Hear(CallSequence sequence)
    {
        ulong known = Volatile.Read(ref _heard);
        while (known < sequence.Value && Interlocked.CompareExchange(ref _heard, sequence.Value, known) is var found && found != known)
            known = found;
    }

    /// <exception cref="MalformedMessageException">The client says that it has seen the reply of a call that never came.</exception>
    public void RequireHeard(CallSequence seenThrough)
    {
        if (seenThrough.Value > Volatile.Read(ref _heard))
            throw new MalformedMessageException($"Malformed Ping frame: replies seen through {seenThrough.Value}, where call {Volatile.Read(ref _heard)} is the last that came.");
    }

    /// <summary>A connection takes over; the value is the one that it replaces.</summary>
    public ServerConnection? Attach(ServerConnection connection) => Interlocked.Exchange(ref _current, connection);

    public void Detach(ServerConnection connection) => Interlocked.CompareExchange(ref _current, null, connection);
}

/// <summary>
/// The sessions of a scope that the server holds in memory. Others are known to the reply store, from where they come back with what was committed;
/// what only memory knew, aborts and reads, may then run again, which changes nothing.
/// </summary>
/// <param name="memory">What the calls of all scopes take.</param>
internal sealed class SessionTable(ServedScope scope, CallMemory memory, RpcLimits limits, TimeProvider time)
{
    private readonly IReplyStore _replies = scope.Replies;
    private readonly Lock _gate = new();
    private readonly Dictionary<SessionId, ServerSession> _sessions = [];

    public int Count
    {
        get
        {
            lock (_gate)
                return _sessions.Count;
        }
    }

    /// <param name="host">Whose share of memory its calls take.</param>
    /// <summary>A new session, held by the caller's connection until <see cref="Release"/>. Null: there are too many.</summary>
    public async ValueTask<ServerSession?> CreateAsync(ClientId client, string host, CancellationToken cancellation) =>
        await _replies.CreateSessionAsync(client, cancellation) is { } id ? Add(new ServerSession(scope, id, client, new IncomingCalls(limits, default, memory, host))) : null;

    /// <summary>The session, held by the caller's connection until <see cref="Release"/>. Null: there is none, or it belongs to another client.</summary>
    public ServerSession? Find(SessionId id, ClientId client, string host)
    {
        lock (_gate)
        {
            if (_sessions.TryGetValue(id, out ServerSession? known))
                return known.Client == client ? Hold(known) : null;
        }

        return _replies.TryGetSession(id, out ClientId owner, out CallSequence forgotten) && owner == client
            ? Add(new ServerSession(scope, id, client, new IncomingCalls(limits, forgotten, memory, host)))
            : null;
    }

    public void Remove(ServerSession session)
    {
        session.Incoming.Close();
        lock (_gate)
            _sessions.Remove(session.Id);
    }

    private ServerSession Add(ServerSession session)
    {
        lock (_gate)
        {
            if (_sessions.TryGetValue(session.Id, out ServerSession? other))
                return Hold(other);
            if (_sessions.Count >= limits.Sessions)
                Trim();
            _sessions.Add(session.Id, session);
            return Hold(session);
        }
    }

    /// <summary>The connection is gone.</summary>
    public void Release(ServerSession session)
    {
        lock (_gate)
        {
            session.Connections--;
            session.LastUsed = time.GetTimestamp();
        }
    }

    private static ServerSession Hold(ServerSession session)
    {
        session.Connections++;
        return session;
    }

    /// <summary>Drops a part at once, so that not every new session has to look at all.</summary>
    private void Trim()
    {
        IEnumerable<ServerSession> oldest = _sessions.Values
            .Where(session => session.Connections == 0 && session.Incoming.IsIdle)
            .OrderBy(session => session.LastUsed)
            .Take(1 + (limits.Sessions / 16));
        foreach (ServerSession session in oldest.ToArray())
        {
            session.Incoming.Close();
            _sessions.Remove(session.Id);
        }
    }

    /// <summary>INVARIANT: each session is under its own number; one with a connection of its own is held by it; bounded, but for sessions in use.</summary>
    public void CheckInvariants()
    {
        memory.CheckInvariants();
        lock (_gate)
        {
            foreach ((SessionId id, ServerSession session) in _sessions)
            {
                if (session.Id != id || session.Connections < 0 || session.Current is not null && session.Connections == 0)
                    throw new UnreachableException($"Session {id} has {session.Connections} connections.");
                session.Incoming.CheckInvariants();
            }

            if (_sessions.Count > limits.Sessions && _sessions.Values.Any(static session => session.Connections == 0 && session.Incoming.IsIdle))
                throw new UnreachableException($"{_sessions.Count} sessions are in memory, some of them idle.");
        }
    }
}

/// <summary>
/// What the server's owner learns of its sessions, and what goes into each reply's header.
/// Called on the connection's threads; must not wait.
/// </summary>
public interface IServerSessions
{
    /// <summary>This life of the server.</summary>
    Epoch Epoch { get; }

    /// <summary>How long a client may trust its promises after it last sent a call that was answered.</summary>
    TimeSpan Lease { get; }

    /// <summary>
    /// A client connected, or came back over another connection. The channel makes calls to it, on its own connection.
    /// False: the session was ended meanwhile; the client must establish another.
    /// </summary>
    bool Attached(SessionId session, ClientId client, IRpcChannel toClient);

    /// <summary>The connection is gone. Promises stay until the lease ends.</summary>
    void Detached(SessionId session, IRpcChannel toClient);

    /// <summary>A request of this session has just arrived: its lease counts from here. False: the session has ended; the client must establish another.</summary>
    bool Contact(SessionId session);

    /// <summary>What this session's client may trust at this moment. In every reply.</summary>
    SessionTrust Trust(SessionId session);
}
