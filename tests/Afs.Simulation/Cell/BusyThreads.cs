using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>
/// The thread that goes on with a reply comes late, as on a busy machine: the connection's reader has long seen later replies and breaks,
/// and others went on with those.
/// </summary>
internal sealed class BusyThreads(IViceService vice, TimeProvider time, Random random) : PassingVice(vice)
{
    private const int LateOneIn = 2;

    private static readonly int[] MostMs = [0, 30, 600];

    private readonly int _mostMs = MostMs[random.Next(MostMs.Length)];

    protected override ValueTask<Outcome<TReply>> Read<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context) => LateAsync(call, request, context);

    protected override ValueTask<Outcome<TReply>> Change<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context) => LateAsync(call, request, context);

    private async ValueTask<Outcome<TReply>> LateAsync<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        Outcome<TReply> outcome = await call(request, context);
        if (_mostMs > 0 && random.Next(LateOneIn) == 0)
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, _mostMs)), time);
        return outcome;
    }
}
