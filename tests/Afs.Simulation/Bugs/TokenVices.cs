using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Planted: what is recalled is returned first, and its client hears of it then.</summary>
internal sealed class HastyReturner(IViceServer server) : IViceServer
{
    public IViceService Vice => server.Vice;

    public IContentTransfer Content => server.Content;

    public ServerTrust Trust => server.Trust;

    public void Start(IVenusCallbacks callbacks) => server.Start(new Callbacks(server.Vice, callbacks));

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private sealed class Callbacks(IViceService vice, IVenusCallbacks callbacks) : IVenusCallbacks
    {
        public async ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
        {
            if (request.Recalls.Count > 0)
                await vice.ReturnTokensAsync(new ReturnTokensRequest { Fids = request.Recalls }, new CallContext { Deadline = TimeSpan.FromSeconds(1) });
            return await callbacks.BreakPromisesAsync(request, context);
        }

        public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context) => callbacks.LocksDecidedAsync(request, context);
    }
}

/// <summary>Planted: a token that is contended is taken all the same.</summary>
internal sealed class TokenTaker(IViceService vice) : PassingVice(vice)
{
    private readonly IViceService _vice = vice;

    protected override async ValueTask<Outcome<TReply>> Read<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        Outcome<TReply> outcome = await call(request, context);
        if (request is not AcquireTokensRequest { IsReclaim: false } tokens || !outcome.IsReply || outcome.Value is not AcquireTokensReply { Grants: [{ Outcome: TokenOutcome.Contended }] })
            return outcome;
        Outcome<FetchStatusReply> status = await _vice.FetchStatusAsync(new FetchStatusRequest { Fids = tokens.Fids }, context);
        return status is { IsReply: true, Value.Statuses: [{ } taken] }
            ? (TReply)(object)new AcquireTokensReply { Grants = [new TokenGrant { Outcome = TokenOutcome.Granted, Status = taken }] }
            : outcome;
    }
}

/// <summary>Planted: each life of each client gets the numbers that were leased first.</summary>
/// <param name="leased">Gets those.</param>
internal sealed class LeasesTwice(IViceService vice, List<LeaseVnodesReply> leased) : PassingVice(vice)
{
    protected override async ValueTask<Outcome<TReply>> Change<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        Outcome<TReply> outcome = await call(request, context);
        if (!outcome.IsReply || outcome.Value is not LeaseVnodesReply reply || reply.First == default)
            return outcome;
        leased.Add(reply);
        return (TReply)(object)(reply with { First = leased[0].First, Uniquifier = leased[0].Uniquifier });
    }
}
