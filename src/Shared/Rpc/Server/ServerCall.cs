namespace Afs.Rpc;

/// <summary>One call on its way through the server, beside the connection's reader, which must not wait for the service.</summary>
internal sealed class ServerCall(ServerParts parts, ServerSession session, ServerConnection origin, RpcOperation operation, RequestFrame request, ReceivedFrame frame)
    : IThreadPoolWorkItem
{
    public void Execute() => _ = RunAsync();

    private async Task RunAsync()
    {
        using var reply = new PooledBuffer();
        try
        {
            DispatchResult result = Committed(reply) ?? await parts.Runner.RunAsync(operation, frame, Context(), reply);
            session.Incoming.Finish(request.Sequence, result, reply.WrittenSpan, remember: operation.IsMutation);
            await SendAsync(result, reply);
        }
        catch (MalformedMessageException e)
        {
            session.Incoming.Abandon(request.Sequence);
            origin.Connection.Break(e.Message);
        }
        finally
        {
            parts.Leave();
        }
    }

    /// <summary>A mutation that was sent before may have been committed in an earlier life of this server.</summary>
    private DispatchResult? Committed(PooledBuffer reply)
    {
        if (!operation.IsMutation || !request.IsRetry || parts.Options.Replies.Find(Id) is not { } stored)
            return null;
        frame.Dispose();
        parts.Options.Statistics.CountDuplicate(operation.Number);
        stored.Body.Span.CopyTo(reply.GetSpan(stored.Body.Length));
        reply.Advance(stored.Body.Length);
        return new DispatchResult(stored.Abort == AbortCode.None ? OutcomeKind.Replied : OutcomeKind.Aborted, stored.Abort);
    }

    private CallId Id => new(session.Client, session.Id, request.Sequence);

    private CallContext Context() => new()
    {
        Deadline = Deadlines.FromWireMs(request.DeadlineMs),
        Cancellation = parts.Stopping,
        Id = Id,
        Peer = origin.Connection.Peer,
    };

    /// <summary>To the session's connection of this moment, which may be a later one than the call came by.</summary>
    private ValueTask SendAsync(DispatchResult result, PooledBuffer reply) =>
        session.Current is { } current
            ? current.Connection.Sender.SendAsync(parts.Reply(session, request.Sequence, (ReplyStatus)result.Kind, result.Abort), reply.WrittenSpan)
            : default;
}
