using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>
/// A client that talks as always, and now and then takes its time to acknowledge: up to longer than its lease. Others must wait for it once, and see no
/// more of it; it must go on to see what others close.
/// </summary>
internal sealed class SlowAcknowledger(IViceServer server, TimeProvider time, Random random, Func<bool> isSlow) : IViceServer
{
    private const int SlowOneIn = 6, MostMs = 12_000;

    public IViceService Vice => server.Vice;

    public IContentTransfer Content => server.Content;

    public ServerTrust Trust => server.Trust;

    public void Start(IVenusCallbacks callbacks) => server.Start(new Callbacks(callbacks, time, random, isSlow));

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private sealed class Callbacks(IVenusCallbacks callbacks, TimeProvider time, Random random, Func<bool> isSlow) : IVenusCallbacks
    {
        public async ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
        {
            Outcome<BreakPromisesReply> outcome = await callbacks.BreakPromisesAsync(request, context);
            if (isSlow() && random.Next(SlowOneIn) == 0)
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostMs)), time);
            return outcome;
        }

        public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) => callbacks.LocksDecidedAsync(request, context);
    }
}
