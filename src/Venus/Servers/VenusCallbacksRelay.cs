using Afs.Rpc;
using Afs.Wire;

namespace Afs.Venus.Servers;

/// <summary>The server's calls, to a cache that is made after its connection. Before there is one nothing is promised, and so nothing can be broken.</summary>
internal sealed class VenusCallbacksRelay : IVenusCallbacks
{
    private IVenusCallbacks? _target;

    public void Attach(IVenusCallbacks target) => Volatile.Write(ref _target, target);

    public ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context) =>
        Volatile.Read(ref _target)?.BreakPromisesAsync(request, context) ?? ValueTask.FromResult<Outcome<BreakPromisesReply>>(new BreakPromisesReply());
}
