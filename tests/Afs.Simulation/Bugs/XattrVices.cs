using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Planted: a change of an xattr is made once more, under another number.</summary>
internal sealed class RepeatingVice(IViceService vice) : PassingVice(vice)
{
    protected override async ValueTask<Outcome<TReply>> Change<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        Outcome<TReply> first = await call(request, context);
        if (first.IsReply && request is StoreXattrRequest)
            await call(request, context);
        return first;
    }
}

/// <summary>Planted: what a client once knew of a vnode's xattrs goes for what they are.</summary>
internal sealed class FirstXattrs(IViceService vice) : PassingVice(vice)
{
    private readonly Dictionary<Fid, IReadOnlyList<Xattr>> _first = [];

    protected override async ValueTask<Outcome<TReply>> Read<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        Outcome<TReply> outcome = await call(request, context);
        if (!outcome.IsReply || outcome.Value is not FetchXattrsReply reply)
            return outcome;
        _first.TryAdd(reply.Status.Fid, reply.Xattrs);
        return (TReply)(object)(reply with { Xattrs = _first[reply.Status.Fid] });
    }
}
