namespace Afs.Rpc;

/// <summary>Gives a reply frame to the call that waits for it. Runs on the connection's reader; the caller goes on elsewhere.</summary>
internal static class ReplyDelivery
{
    /// <summary>Takes over the frame.</summary>
    public static void Complete(OutgoingCall call, ReplyFrame reply, ReceivedFrame frame, RpcConnection origin)
    {
        if (reply.Status == ReplyStatus.Replied)
        {
            call.TrySetResult(new CallResult(OutcomeKind.Replied, AbortCode.None, frame, origin));
            return;
        }

        frame.Dispose();
        call.TrySetResult(new CallResult((OutcomeKind)reply.Status, reply.Abort, ReceivedFrame.End, origin));
    }
}
