namespace Afs.Rpc;

/// <summary>A control connection at the client, after its handshake: replies to its calls come in, and calls of the server.</summary>
internal sealed class ClientConnection(RpcConnection connection, SessionId session, OutgoingCalls calls, RpcClientOptions options) : IFrameHandler
{
    private readonly IncomingCalls _incoming = new(options.Limits, default);
    private readonly CallRunner _runner = new(options.Callbacks ?? NoDispatcher.Instance, options.Statistics, options.Log);

    /// <summary>Reads until the connection ends, and says why it did.</summary>
    public Task<string> RunAsync()
    {
        connection.Watch(() => new PingFrame(calls.SeenThrough));
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
            options.Session.Replied(reply.Epoch, reply.ResetCount, call.FirstSent);
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

        Admission admission = _incoming.Admit(request.Sequence, isMutation: true, out IncomingCall? call);
        if (admission == Admission.Run)
        {
            _ = ExecuteAsync(operation, request, frame);
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
        connection.Sender.SendAsync(new ReplyFrame(request.Sequence, status, abort, default, 0), body.Span);
}
