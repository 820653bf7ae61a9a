using Microsoft.Extensions.Logging;

namespace Afs.Rpc;

/// <summary>Runs one call of the service, and is the one place that decides what its failures mean to the caller.</summary>
internal sealed class CallRunner(IRpcDispatcher dispatcher, RpcStatistics statistics, ILogger log)
{
    private const int MaxReplyBytes = FrameLimits.ControlBytes - 1 - ReplyFrame.Bytes;

    public bool TryGetOperation(int number, out RpcOperation operation) => dispatcher.TryGetOperation(number, out operation);

    /// <summary>Decodes and runs; the encoded reply message goes to <paramref name="reply"/>. Disposes the frame as soon as it is decoded.</summary>
    /// <exception cref="MalformedMessageException">The request message is malformed. Nothing ran.</exception>
    public async ValueTask<DispatchResult> RunAsync(RpcOperation operation, ReceivedFrame frame, CallContext context, PooledBuffer reply)
    {
        statistics.CountServed(operation.Number);
        DispatchResult result;
        try
        {
            result = await Dispatch(operation, frame, context, reply);
            if (reply.Length > MaxReplyBytes)
                throw new InvalidOperationException($"The reply has {reply.Length} bytes, a frame holds {MaxReplyBytes}.");
        }
        catch (Exception e) when (e is not MalformedMessageException)
        {
            // The service may have done anything before it threw, so the caller can't be told more than that.
            log.HandlerFailed(operation.Name, context.Peer, e);
            reply.Clear();
            result = new DispatchResult(OutcomeKind.Unknown, AbortCode.None);
        }

        statistics.CountServedOutcome(operation.Number, result.Kind);
        return result;
    }

    private ValueTask<DispatchResult> Dispatch(RpcOperation operation, ReceivedFrame frame, CallContext context, PooledBuffer reply)
    {
        using (frame)
            return dispatcher.DispatchAsync(operation.Number, frame.Content[RequestFrame.Bytes..], context, reply);
    }
}
