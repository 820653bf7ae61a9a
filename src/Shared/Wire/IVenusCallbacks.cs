using Afs.Rpc;

namespace Afs.Wire;

/// <summary>What Vice asks of Venus, over the connection that Venus made to it.</summary>
[RpcService]
public interface IVenusCallbacks
{
    [Op(200)]
    ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context);
}
