using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Planted: a mutation that had no reply is called once more, under a new number.</summary>
internal sealed class RetryingVice(IViceService vice) : PassingVice(vice)
{
    protected override async ValueTask<Outcome<TReply>> Change<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        Outcome<TReply> first = await call(request, context);
        return first.Kind == OutcomeKind.Unknown ? await call(request, context) : first;
    }
}
