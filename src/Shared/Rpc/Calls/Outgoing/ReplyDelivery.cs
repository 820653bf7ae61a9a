namespace Afs.Rpc;

/// <summary>Gives a reply frame to the call that waits for it. Runs on the connection's reader; the caller goes on when the call is executed.</summary>
internal static class ReplyDelivery
{
    /// <summary>Takes over the frame.</summary>
    public static FrameHandled Give(OutgoingCall call, ReplyFrame reply, ReceivedFrame frame, RpcConnection origin)
    {
        bool hasBody = reply.Status == ReplyStatus.Replied;
        CallResult result = hasBody
            ? new CallResult(OutcomeKind.Replied, AbortCode.None, frame, origin)
            : new CallResult((OutcomeKind)reply.Status, reply.Abort, ReceivedFrame.End, origin);
        bool isFirst = call.TrySetResult(result);
        if (!hasBody || !isFirst)
            frame.Dispose();
        return isFirst ? new FrameHandled(default, call) : default;
    }
}
