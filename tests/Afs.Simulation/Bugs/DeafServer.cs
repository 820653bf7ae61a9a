using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Planted: breaks are acknowledged, and nobody hears of them.</summary>
internal sealed class DeafServer(IViceServer server) : IViceServer, IVenusCallbacks
{
    public IViceService Vice => server.Vice;

    public IContentTransfer Content => server.Content;

    public ServerTrust Trust => server.Trust;

    public void Start(IVenusCallbacks callbacks) => server.Start(this);

    public ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context) =>
        ValueTask.FromResult<Outcome<BreakPromisesReply>>(new BreakPromisesReply());

    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) =>
        ValueTask.FromResult<Outcome<LocksDecidedReply>>(new LocksDecidedReply());

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
