using Afs.Rpc;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Passes all on, and batches through a door of their own.</summary>
internal abstract class BatchVice(IViceService vice) : PassingVice(vice)
{
    protected override async ValueTask<Outcome<TReply>> Change<TRequest, TReply>(
        Func<TRequest, CallContext, ValueTask<Outcome<TReply>>> call, TRequest request, CallContext context)
    {
        if (request is not ApplyBatchRequest batch)
            return await call(request, context);
        Outcome<ApplyBatchReply> outcome = await Apply(other => Sent((TRequest)(object)other), batch);
        return (Outcome<TReply>)(object)outcome;

        async ValueTask<Outcome<ApplyBatchReply>> Sent(TRequest sent) => (Outcome<ApplyBatchReply>)(object)await call(sent, context);
    }

    protected abstract ValueTask<Outcome<ApplyBatchReply>> Apply(Func<ApplyBatchRequest, ValueTask<Outcome<ApplyBatchReply>>> send, ApplyBatchRequest batch);
}

/// <summary>Planted: the last two changes of each batch change places.</summary>
internal sealed class BatchesInWrongOrder(IViceService vice) : BatchVice(vice)
{
    protected override ValueTask<Outcome<ApplyBatchReply>> Apply(Func<ApplyBatchRequest, ValueTask<Outcome<ApplyBatchReply>>> send, ApplyBatchRequest batch)
    {
        List<BatchOperation> operations = [.. batch.Operations.Select(static operation => operation with { Needs = [] })];
        if (operations.Count > 1)
            (operations[^1], operations[^2]) = (operations[^2], operations[^1]);
        return send(batch with { Operations = operations });
    }
}

/// <summary>Planted: contents are left out of batches.</summary>
internal sealed class BatchesWithoutContents(IViceService vice) : BatchVice(vice)
{
    protected override ValueTask<Outcome<ApplyBatchReply>> Apply(Func<ApplyBatchRequest, ValueTask<Outcome<ApplyBatchReply>>> send, ApplyBatchRequest batch) =>
        send(batch with { Operations = [.. batch.Operations.Select(static operation => operation.StoreData is { } store ? operation with { StoreData = store with { Content = null } } : operation)] });
}

/// <summary>Planted: a batch is answered here, as applied, before it is sent.</summary>
internal sealed class BatchesBelievedSent(IViceService vice) : BatchVice(vice)
{
    private Task _sent = Task.CompletedTask;

    protected override ValueTask<Outcome<ApplyBatchReply>> Apply(Func<ApplyBatchRequest, ValueTask<Outcome<ApplyBatchReply>>> send, ApplyBatchRequest batch)
    {
        _sent = SendAsync(_sent, send, batch);
        return new(new ApplyBatchReply { Refused = [], HasTokens = true });
    }

    private static async Task SendAsync(Task before, Func<ApplyBatchRequest, ValueTask<Outcome<ApplyBatchReply>>> send, ApplyBatchRequest batch)
    {
        await before;
        while (!(await send(batch)).IsReply)
        {
            // It waits for its deadline each time.
        }
    }
}

/// <summary>Planted: nothing is ever refused, by what its client hears.</summary>
internal sealed class DeafToRefusals(IViceService vice) : BatchVice(vice)
{
    protected override async ValueTask<Outcome<ApplyBatchReply>> Apply(Func<ApplyBatchRequest, ValueTask<Outcome<ApplyBatchReply>>> send, ApplyBatchRequest batch)
    {
        Outcome<ApplyBatchReply> outcome = await send(batch);
        return outcome.IsReply ? outcome.Value with { Refused = [] } : outcome;
    }
}
