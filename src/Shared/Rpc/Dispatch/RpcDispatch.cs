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

    /// <summary>Finds an operation in a table that rises by number.</summary>
    public static bool TryFind(RpcOperation[] operations, int number, out RpcOperation operation)
    {
        foreach (RpcOperation candidate in operations)
        {
            if (candidate.Number == number)
            {
                operation = candidate;
                return true;
            }
        }

        operation = default;
        return false;
    }
}
