namespace Afs.Rpc;

/// <summary>From a request message to its outcome: encoding, waiting, decoding. Both directions make their calls by it.</summary>
internal sealed class CallMaker(OutgoingCalls calls, TimeProvider time, RpcTimings timings, RpcStatistics statistics)
{
    private const int MaxRequestBytes = FrameLimits.ControlBytes - 1 - RequestFrame.Bytes;

    public async ValueTask<Outcome<TReply>> CallAsync<TRequest, TReply>(int operation, bool isMutation, TRequest request, CallContext context)
        where TRequest : IWireMessage<TRequest>
        where TReply : IWireMessage<TReply>
    {
        using var body = new PooledBuffer();
        WireCodec.Encode(body, request);
        if (body.Length > MaxRequestBytes)
            throw new InvalidOperationException($"The request has {body.Length} bytes, a frame holds {MaxRequestBytes}.");

        statistics.CountMade(operation);
        var call = new OutgoingCall(operation, isMutation, body, time.After(context.Deadline ?? timings.DefaultDeadline));
        Outcome<TReply> outcome = Decode<TReply>(await calls.RunAsync(call, context.Cancellation));
        statistics.CountMadeOutcome(operation, outcome.Kind);
        return outcome;
    }

    /// <summary>On the caller's continuation, not on the connection's reader.</summary>
    private static Outcome<TReply> Decode<TReply>(CallResult result)
        where TReply : IWireMessage<TReply>
    {
        switch (result.Kind)
        {
            case OutcomeKind.Aborted: return Outcome<TReply>.Refused(result.Abort);
            case OutcomeKind.NotExecuted: return Outcome<TReply>.NotExecuted;
            case OutcomeKind.Unknown: return Outcome<TReply>.Unknown;
        }

        using (result.Reply)
        {
            try
            {
                return WireCodec.FromBytes<TReply>(result.Reply.Content.Span[ReplyFrame.Bytes..]);
            }
            catch (MalformedMessageException e)
            {
                // The other side ran the call, but what came of it can't be read.
                result.Origin?.Break(e.Message);
                return Outcome<TReply>.Unknown;
            }
        }
    }
}
