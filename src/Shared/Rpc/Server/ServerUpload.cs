namespace Afs.Rpc;

/// <summary>One upload: it is one of the session's mutations, so a repeated one waits for the first, or gets its reply.</summary>
internal sealed class ServerUpload(RpcConnection connection, ServerSession session, ServerParts parts, IBulkHandler handler, BulkWatch watch)
{
    private const string Name = "BulkUpload";
    private const int MaxReplyBytes = FrameLimits.BulkBytes - 1 - ReplyFrame.Bytes;

    private bool _isCompleting;

    public async ValueTask RunAsync(ReceivedFrame frame)
    {
        BulkUploadFrame upload = BulkUploadFrame.Read(frame.Content.Span);
        parts.Forget(session, upload.SeenThrough);
        while (true)
        {
            switch (session.Incoming.Admit(upload.Sequence, isMutation: true, out IncomingCall? call))
            {
                case Admission.Run:
                    await RunOnceAsync(upload, frame.Content[BulkUploadFrame.Bytes..]);
                    return;
                case Admission.Replay:
                    await ReplyAsync(upload, call!.Result, call.Reply);
                    return;
                case Admission.Running:
                    await BulkPatience.WaitAsync(Ended(call!), connection, watch, parts.Options);
                    break;
                case Admission.Busy:
                    await connection.SendDirectAsync(parts.Reply(session, upload.Sequence, ReplyStatus.Busy));
                    return;
                default:
                    throw new IOException("nobody waits for this upload any more");
            }
        }
    }

    private async ValueTask<bool> Ended(IncomingCall call)
    {
        await session.Incoming.WhenEnded(call);
        return true;
    }

    private async ValueTask RunOnceAsync(BulkUploadFrame upload, ReadOnlyMemory<byte> message)
    {
        DispatchResult result;
        ReadOnlyMemory<byte> reply;
        try
        {
            (result, reply) = Committed(upload) ?? await ReceiveAsync(upload, message);
        }
        catch (Exception e)
        {
            if (!_isCompleting)
            {
                // Nothing was completed, so nothing was executed: the same upload may come again.
                session.Incoming.Abandon(upload.Sequence);
                throw;
            }

            parts.Log.HandlerFailed(Name, connection.Peer, e);
            (result, reply) = (new DispatchResult(OutcomeKind.Unknown, AbortCode.None), default);
        }

        session.Incoming.Finish(upload.Sequence, result, reply.Span, remember: true);
        await ReplyAsync(upload, result, reply);
    }

    private (DispatchResult, ReadOnlyMemory<byte>)? Committed(BulkUploadFrame upload) =>
        upload.IsRetry && parts.Options.Replies.Find(Id(upload)) is { } stored
            ? (new DispatchResult(stored.Abort == AbortCode.None ? OutcomeKind.Replied : OutcomeKind.Aborted, stored.Abort), stored.Body)
            : null;

    private async ValueTask<(DispatchResult Result, ReadOnlyMemory<byte> Reply)> ReceiveAsync(BulkUploadFrame upload, ReadOnlyMemory<byte> message)
    {
        var request = new BulkRequest(message, new CallContext
        {
            Deadline = Deadlines.FromWireMs(upload.DeadlineMs),
            Cancellation = connection.Ended,
            Id = Id(upload),
            Peer = connection.Peer,
        });
        Outcome<IBulkSink> opened = await BulkPatience.WaitAsync(handler.OpenSinkAsync(request, upload.LengthBytes), connection, watch, parts.Options);
        if (!opened.IsReply)
            return (new DispatchResult(opened.Kind, opened.Abort), default);

        await using IBulkSink sink = opened.Value;
        await connection.SendDirectAsync(new BulkStartFrame(upload.LengthBytes));
        await BulkReceiver.ReceiveAsync(connection, watch, upload.LengthBytes, sink.WriteAsync, parts.Options.Statistics);
        _isCompleting = true;
        Outcome<ReadOnlyMemory<byte>> outcome = await BulkPatience.WaitAsync(sink.CompleteAsync(parts.Stopping), connection, watch, parts.Options);
        if (outcome.IsReply && outcome.Value.Length > MaxReplyBytes)
            throw new InvalidOperationException($"The reply has {outcome.Value.Length} bytes, a frame holds {MaxReplyBytes}.");
        return (new DispatchResult(outcome.Kind, outcome.Abort), outcome.IsReply ? outcome.Value : default);
    }

    private CallId Id(BulkUploadFrame upload) => new(session.Client, session.Id, upload.Sequence);

    private ValueTask ReplyAsync(BulkUploadFrame upload, DispatchResult result, ReadOnlyMemory<byte> reply) =>
        connection.SendDirectAsync(parts.Reply(session, upload.Sequence, (ReplyStatus)result.Kind, result.Abort), reply);
}
