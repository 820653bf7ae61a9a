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
                    _parts.Forget(_session, PingFrame.Read(frame.Content.Span).SeenThrough);
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
        if (!_parts.Options.Sessions.Contact(_session.Id))
        {
            _parts.Sessions.Remove(_session);
            frame.Dispose();
            return Sent(_parts.Reply(_session, request.Sequence, ReplyStatus.SessionUnknown));
        }

        _parts.Forget(_session, request.SeenThrough);
        if (!_parts.Runner.TryGetOperation(request.Operation, out RpcOperation operation))
        {
            frame.Dispose();
            return Sent(_parts.Reply(_session, request.Sequence, ReplyStatus.Aborted, RpcAbortCodes.NoSuchOperation));
        }

        if (!_parts.TryEnter())
        {
            frame.Dispose();
            return Sent(_parts.Reply(_session, request.Sequence, ReplyStatus.Busy));
        }

        Admission admission = _session.Incoming.Admit(request.Sequence, operation.IsMutation, out IncomingCall? call);
        if (admission == Admission.Run)
            return new FrameHandled(default, new ServerCall(_parts, _session, this, operation, request, frame));
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
