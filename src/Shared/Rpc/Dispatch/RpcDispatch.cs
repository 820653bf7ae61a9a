using System.Buffers;

namespace Afs.Rpc;

/// <summary>What every generated dispatcher does around its service's method.</summary>
public static class RpcDispatch
{
    public static async ValueTask<DispatchResult> CompleteAsync<TReply>(ValueTask<Outcome<TReply>> call, IBufferWriter<byte> reply)
        where TReply : IWireMessage<TReply>
    {
        Outcome<TReply> outcome = await call;
        if (outcome.IsReply)
            WireCodec.Encode(reply, outcome.Value);
        return new DispatchResult(outcome.Kind, outcome.Abort);
    }
}
