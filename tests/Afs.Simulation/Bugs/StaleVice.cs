using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Planted: a status that comes late looks like the newest.</summary>
internal sealed class StaleVice(IViceService vice) : PassingVice(vice)
{
    private readonly Dictionary<Fid, StatusVersion> _newest = [];

    protected override async ValueTask<Outcome<TReply>> Read<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        Outcome<TReply> outcome = await call(request, context);
        if (!outcome.IsReply)
            return outcome;
        return outcome.Value switch
        {
            FetchStatusReply reply => (TReply)(object)(reply with { Statuses = [.. reply.Statuses.Select(Renew)] }),
            FetchDirectoryReply reply => (TReply)(object)(reply with { Status = Renew(reply.Status)! }),
            FetchDataReply reply => (TReply)(object)(reply with { Status = Renew(reply.Status)! }),
            _ => outcome,
        };
    }

    protected override async ValueTask<Outcome<TReply>> Change<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        Outcome<TReply> outcome = await call(request, context);
        if (outcome.IsReply)
            NoteAll(outcome.Value);
        return outcome;
    }

    private void NoteAll(object? reply)
    {
        FetchStatus?[] statuses = reply switch
        {
            StoreDataReply stored => [stored.Status],
            CreateReply made => [made.Status, made.Parent],
            RemoveReply removed => [removed.Parent, removed.Remaining],
            RenameReply renamed => [renamed.FromParent, renamed.ToParent, renamed.Moved],
            _ => [],
        };
        foreach (FetchStatus? status in statuses)
            Renew(status);
    }

    private FetchStatus? Renew(FetchStatus? status)
    {
        if (status is null)
            return null;
        StatusVersion newest = _newest.GetValueOrDefault(status.Fid);
        if (status.StatusVersion.Value >= newest.Value)
            _newest[status.Fid] = newest = status.StatusVersion;
        return status with { StatusVersion = newest };
    }
}
