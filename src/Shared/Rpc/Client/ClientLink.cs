namespace Afs.Rpc;

/// <summary>
/// Keeps the client connected: connects, establishes or resumes the session, and when the connection ends, tries again after a back-off
/// with jitter, for ever.
/// </summary>
internal sealed class ClientLink(RpcClientOptions options, OutgoingCalls calls, Random random)
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly PeerWarnings _warnings = new(options.Time);
    private readonly Lock _gate = new();
    private TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private RpcConnection? _connection;
    private ClientConnection? _serving;
    private SessionId _session;
    private string? _trouble;
    private string? _toldTrouble;
    private SessionToken _token;
    private Task _running = Task.CompletedTask;

    /// <summary>The session of this moment; default where there is none.</summary>
    public SessionId Session
    {
        get
        {
            lock (_gate)
                return _session;
        }
    }

    /// <summary>Why there is no connection: how the last one, or the last attempt to make one, ended. Null where there is one, or before the first attempt ended.</summary>
    public string? Trouble => Volatile.Read(ref _trouble);

    /// <summary>What proves that the session is this client's.</summary>
    public SessionToken Token
    {
        get
        {
            lock (_gate)
                return _token;
        }
    }

    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Ends when there is a connection.</summary>
    /// <exception cref="RpcRefusedException">The server refuses this client for good.</exception>
    public async Task WhenConnectedAsync()
    {
        Task connected;
        lock (_gate)
            connected = _connected.Task;
        await connected;
    }

    /// <summary>The session, as soon as there is a connection; null: there was none until <paramref name="cancellation"/>, or the server refuses.</summary>
    public async ValueTask<SessionId?> WhenSession(CancellationToken cancellation)
    {
        try
        {
            await WhenConnectedAsync().WaitAsync(cancellation);
            return Session;
        }
        catch (Exception e) when (e is OperationCanceledException or RpcRefusedException)
        {
            return null;
        }
    }

    public void Start() => _running = RunAsync();

    public async Task StopAsync()
    {
        _stopping.Cancel();
        if (Volatile.Read(ref _connection) is { } connection)
            await connection.GoodbyeAsync("the client stops");
        await _running;
    }

    /// <summary>Throws where what the server's calls left here is inconsistent.</summary>
    public void CheckInvariants() => Volatile.Read(ref _serving)?.CheckInvariants();

    /// <summary>Ends the connection of this moment; another is made.</summary>
    public void Drop(string reason) => Volatile.Read(ref _connection)?.Break(reason);

    private async Task RunAsync()
    {
        int attempt = 0;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                if (await ConnectOnceAsync())
                    attempt = 0;
                await Task.Delay(options.Timings.Reconnect.Delay(attempt++, random), options.Time, _stopping.Token);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>One connection from beginning to end. True: it was established.</summary>
    private async Task<bool> ConnectOnceAsync()
    {
        bool wasEstablished = false;
        string reason;
        IFrameConnection? transport = null;
        RpcConnection? connection = null;
        try
        {
            transport = await OpenAsync();
            connection = new RpcConnection(transport, options.Time, options.Timings, options.Limits.QueuedSendBytes, options.Statistics);
            Volatile.Write(ref _connection, connection);
            _stopping.Token.ThrowIfCancellationRequested();
            var hello = new HelloFrame(ProtocolVersion.Current, ConnectionRole.Control, options.ClientId, Session, options.Scope, Token);
            WelcomeFrame welcome = await Handshake.RunAsync(connection, transport, hello, options);
            wasEstablished = true;
            Establish(welcome);
            var serving = new ClientConnection(connection, welcome.Session, calls, options, _warnings);
            Volatile.Write(ref _serving, serving);
            reason = await serving.RunAsync();
        }
        catch (RpcRefusedException e)
        {
            Refused(e);
            reason = e.Message;
        }
        catch (Exception e) when (e is IOException or MalformedMessageException or OperationCanceledException)
        {
            reason = connection?.EndReason ?? e.Message;
        }
        catch (Exception e)
        {
            // A callback of the owner failed, or an invariant is broken. The next connection starts from a clean state.
            if (MayTell(nameof(Log.ConnectionFailed), out string more))
                options.Log.ConnectionFailed(options.Server + more, e);
            reason = e.Message;
        }

        await EndAsync(transport, connection, reason, wasEstablished);
        return wasEstablished;
    }

    private async Task<IFrameConnection> OpenAsync()
    {
        using var limit = new CancellationTokenSource(options.Timings.Handshake, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stopping.Token);
        try
        {
            return await options.Transport.ConnectAsync(options.Server, either.Token);
        }
        catch (OperationCanceledException) when (!_stopping.IsCancellationRequested)
        {
            throw new IOException($"no connection to {options.Server} within {options.Timings.Handshake.TotalSeconds} s");
        }
    }

    private void Establish(WelcomeFrame welcome)
    {
        lock (_gate)
        {
            (_session, _token) = (welcome.Session, welcome.Token);
            if (_connected.Task.IsFaulted)
                _connected = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _connected.TrySetResult();
        }

        Volatile.Write(ref _trouble, null);
        options.Statistics.CountConnection();
        _toldTrouble = null;
        if (MayTell(nameof(Log.Connected), out string more))
            options.Log.Connected(options.Server, welcome.Session.Value, more);
        options.Session.Established(welcome.Session, welcome.IsNew, welcome.Epoch, TimeSpan.FromMilliseconds(welcome.LeaseMs), welcome.Trust);
    }

    private void Refused(RpcRefusedException refusal)
    {
        if (refusal.Reason == RefusalReason.SessionUnknown)
        {
            lock (_gate)
            {
                (_session, _token) = (default, default);
                ExpectConnection();
            }

            calls.LoseSession();
        }
        else if (refusal.Reason is RefusalReason.Version or RefusalReason.ScopeUnknown)
        {
            lock (_gate)
                _connected.TrySetException(refusal);
        }
    }

    private async Task EndAsync(IFrameConnection? transport, RpcConnection? connection, string reason, bool wasEstablished)
    {
        Volatile.Write(ref _connection, null);
        if (connection is not null)
        {
            connection.Break(reason);
            calls.Detach(connection);
        }

        if (transport is not null)
            await transport.DisposeAsync();
        lock (_gate)
            ExpectConnection();
        if (_stopping.IsCancellationRequested)
            return;
        Volatile.Write(ref _trouble, reason);
        // What is left out of the log within a minute is told by a later attempt, if it still holds.
        if (reason != _toldTrouble && MayTell(nameof(Log.NotConnected), out string more))
        {
            options.Log.NotConnected(options.Server, reason, more);
            _toldTrouble = reason;
        }
        if (wasEstablished)
            options.Session.Disconnected(reason);
    }

    private bool MayTell(string kind, out string more) => _warnings.MayTell(options.Server.ToString()!, kind, out more);

    private void ExpectConnection()
    {
        if (_connected.Task.IsCompletedSuccessfully)
            _connected = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>A control connection at the client, after its handshake: replies to its calls come in, and calls of the server.</summary>
internal sealed class ClientConnection(RpcConnection connection, SessionId session, OutgoingCalls calls, RpcClientOptions options, PeerWarnings warnings) : IFrameHandler
{
    /// <summary>The highest number that was answered on this connection: what the server surely heard of in this life.</summary>
    private ulong _answered;

    private readonly IncomingCalls _incoming = new(options.Limits, default);
    private readonly CallRunner _runner = new(options.Callbacks ?? NoDispatcher.Instance, options.Statistics, new HandlerFailures(options.Log, warnings));

    /// <summary>Reads until the connection ends, and says why it did.</summary>
    public Task<string> RunAsync()
    {
        connection.Watch(() => new PingFrame(Seen()));
        calls.Attach(connection, session);
        return new FrameLoop(connection, this).RunAsync();
    }

    /// <summary>Throws where the calls of the server, or the replies that are kept for it, are inconsistent.</summary>
    public void CheckInvariants() => _incoming.CheckInvariants();

    public string DescribeEnd(string? goodbye) => goodbye ?? "the server closed the connection";

    public FrameHandled Handle(ReceivedFrame frame)
    {
        switch (frame.Type)
        {
            case FrameType.Reply:
                return HandleReply(frame);
            case FrameType.Request:
                return new FrameHandled(HandleRequest(frame));
        }

        frame.Dispose();
        return frame.Type switch
        {
            FrameType.Pong => default,
            FrameType.Ping => new FrameHandled(connection.Sender.SendAsync(default(PongFrame))),
            FrameType.Welcome when !connection.IsReliable => default,
            _ => throw new MalformedMessageException($"Malformed connection: a {frame.Type} frame on a control connection."),
        };
    }

    /// <summary>A call that was given up, or an upload that never went out, may have a number that the server never heard of: no Ping tells it of that.</summary>
    private CallSequence Seen() => new(Math.Min(calls.SeenThrough.Value, Volatile.Read(ref _answered)));

    private FrameHandled HandleReply(ReceivedFrame frame)
    {
        ReplyFrame reply = ReplyFrame.Read(frame.Content.Span);
        if (reply.Status == ReplyStatus.SessionUnknown)
            throw new RpcRefusedException(RefusalReason.SessionUnknown, "the session has ended");
        if (reply.Status == ReplyStatus.Busy)
        {
            calls.SendAgainLater(reply.Sequence);
        }
        else if (calls.Take(reply.Sequence) is { } call)
        {
            Volatile.Write(ref _answered, Math.Max(_answered, reply.Sequence.Value));
            options.Session.Replied(reply.Epoch, reply.Trust, call.FirstSent);
            return ReplyDelivery.Give(call, reply, frame, connection);
        }

        frame.Dispose();
        return default;
    }

    private ValueTask HandleRequest(ReceivedFrame frame)
    {
        RequestFrame request = RequestFrame.Read(frame.Content.Span);
        _incoming.Forget(request.SeenThrough);
        if (!_runner.TryGetOperation(request.Operation, out RpcOperation operation))
        {
            frame.Dispose();
            return SendAsync(request, ReplyStatus.Aborted, RpcAbortCodes.NoSuchOperation);
        }

        Admission admission = _incoming.Admit(request.Sequence, RequestDigest.Of(operation.Number, frame.Content.Span[RequestFrame.Bytes..]), isMutation: true, requestBytes: 0, out IncomingCall? call);
        if (admission == Admission.Run)
        {
            BackgroundWork.Watch("a call of the server", ExecuteAsync(operation, request, frame));
            return default;
        }

        frame.Dispose();
        if (admission != Admission.Busy)
            options.Statistics.CountDuplicate(request.Operation);
        return admission switch
        {
            Admission.Replay => SendAsync(request, (ReplyStatus)call!.Result.Kind, call.Result.Abort, call.Reply),
            Admission.Busy => SendAsync(request, ReplyStatus.Busy),
            _ => default,
        };
    }

    /// <summary>Starts on the reader, so that breaks and replies take effect in their order. Every reply is remembered: breaks needn't be repeatable.</summary>
    private async Task ExecuteAsync(RpcOperation operation, RequestFrame request, ReceivedFrame frame)
    {
        using var reply = new PooledBuffer();
        try
        {
            DispatchResult result = await _runner.RunAsync(operation, frame, Context(request), reply);
            _incoming.Finish(request.Sequence, result, reply.WrittenSpan, remember: true);
            await SendAsync(request, (ReplyStatus)result.Kind, result.Abort, reply.WrittenMemory);
        }
        catch (MalformedMessageException e)
        {
            connection.Break(e.Message);
        }
    }

    private CallContext Context(RequestFrame request) => new()
    {
        Deadline = Deadlines.FromWireMs(request.DeadlineMs),
        Cancellation = connection.Ended,
        Id = new CallId(options.ClientId, session, request.Sequence),
        Peer = connection.Peer,
    };

    private ValueTask SendAsync(RequestFrame request, ReplyStatus status, AbortCode abort = default, ReadOnlyMemory<byte> body = default) =>
        connection.Sender.SendAsync(new ReplyFrame(request.Sequence, status, abort, default, default), body.Span);
}

/// <summary>The client's side of a connection's first two frames.</summary>
internal static class Handshake
{
    private const int MaxAnswerBytes = 1024;

    /// <exception cref="RpcRefusedException">The server refused.</exception>
    /// <exception cref="IOException">The connection broke, or the server didn't answer.</exception>
    public static async Task<WelcomeFrame> RunAsync(RpcConnection connection, IFrameConnection transport, HelloFrame hello, RpcClientOptions options)
    {
        using var limit = new CancellationTokenSource(options.Timings.Handshake, options.Time);
        using CancellationTokenRegistration registration = limit.Token.Register(
            () => connection.Break($"the server didn't answer within {options.Timings.Handshake.TotalSeconds} s"));
        await transport.EstablishAsync(limit.Token);
        await connection.Sender.SendAsync(hello);
        await using ITimer? again = connection.IsReliable ? null : Repeat(connection, hello, options);
        while (true)
        {
            using ReceivedFrame frame = await connection.ReceiveAsync(connection.IsReliable ? MaxAnswerBytes : FrameLimits.ControlBytes);
            switch (frame.Type)
            {
                case FrameType.Welcome:
                    return WelcomeFrame.Read(frame.Content.Span);
                case FrameType.Refusal:
                    RefusalFrame refusal = RefusalFrame.Read(frame.Content.Span, out string text);
                    throw new RpcRefusedException(refusal.Reason, Explain(refusal, text));
                case FrameType.None:
                    throw new IOException("the server closed the connection");
                default:
                    // On a network that reorders, a call may come before the welcome. It will come again.
                    if (connection.IsReliable)
                        throw new MalformedMessageException($"Malformed connection: a {frame.Type} frame where the server's answer belongs.");
                    break;
            }
        }
    }

    private static string Explain(RefusalFrame refusal, string text) => refusal.Reason == RefusalReason.Version
        ? $"the server speaks protocol version {refusal.ServerVersion}, this client speaks version {ProtocolVersion.Current}"
        : "the server refused: " + text;

    private static ITimer Repeat(RpcConnection connection, HelloFrame hello, RpcClientOptions options) => options.Time.CreateTimer(
        _ => BackgroundWork.Watch("a repeated Hello", connection.Sender.SendAsync(hello)), null, options.Timings.Resend.First, options.Timings.Resend.First);
}
