using Afs.Rpc;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>The context of calls that nobody waits for by name.</summary>
internal sealed class CallTimesOf(CallTimes times, CancellationToken stopping)
{
    public CancellationToken Stopping => stopping;

    /// <summary>How long somebody waits where nothing goes on.</summary>
    public TimeSpan Patience => times.Call;

    public CallContext OfClient() => new() { Deadline = times.Call, Stall = times.Stall, Cancellation = stopping };
}

/// <summary>Brings batches to the server. Contents go inside: those that are longer never come here.</summary>
internal sealed partial class ChangeCarrier(VolumeId volume, IViceService vice, bool takesTokens, CallTimesOf calls, Action tokensMissed, ILogger logger) : IChangeCarrier
{
    /// <summary>
    /// The server keeps its answer to one batch, the last: so the next is sent when that answer is taken. Else a crash in between would lose what was refused, and nobody could tell what of the next may run.
    /// </summary>
    public int MostBatchesUnderWay => 1;

    public ValueTask<CarrierOutcome> SendContentAsync(LoggedChange change, CancellationToken stopping) => new(CarrierOutcome.Done);

    public async ValueTask<CarrierOutcome> SendBatchAsync(BatchNumber number, IReadOnlyList<BatchedChange> changes, CancellationToken stopping)
    {
        var request = new ApplyBatchRequest { Volume = volume, Number = number, TakesTokens = takesTokens, Operations = ToOperations(changes) };
        Outcome<ApplyBatchReply> outcome = await vice.ApplyBatchAsync(request, calls.OfClient() with { Cancellation = stopping });
        if (stopping.IsCancellationRequested && !outcome.IsReply)
            return CarrierVerdict.Interrupted;
        if (outcome.IsReply)
        {
            if (takesTokens && !outcome.Value.HasTokens && changes.Any(static change => change.Logged.Change.Kind == ChangeKind.Create))
                tokensMissed();
            Refusal[] refusals = [.. outcome.Value.Refused.Where(refused => (uint)refused.Index < (uint)changes.Count)
                .Select(refused => new Refusal(changes[refused.Index].Logged.Number, refused.Abort))];
            return new CarrierOutcome(CarrierVerdict.Done, refusals);
        }
        if (outcome.Kind != OutcomeKind.Aborted)
            return CarrierVerdict.Unreachable;
        if (outcome.Abort == AbortCodes.BatchOutOfOrder && await IsTakenAsync(number, stopping))
            return CarrierOutcome.Done; // A later one is applied too: so this one's answer came, and was taken.
        LogNotTaken(number.Value, outcome.Abort);
        return CarrierVerdict.Unreachable;
    }

    private async ValueTask<bool> IsTakenAsync(BatchNumber number, CancellationToken stopping)
    {
        Outcome<LeaseVnodesReply> outcome = await vice.LeaseVnodesAsync(new LeaseVnodesRequest { Volume = volume, Count = 0 }, calls.OfClient() with { Cancellation = stopping });
        return outcome.IsReply && outcome.Value.LastBatch.Value > number.Value;
    }

    private static BatchOperation[] ToOperations(IReadOnlyList<BatchedChange> changes)
    {
        var places = new Dictionary<ChangeNumber, int>(changes.Count);
        var operations = new BatchOperation[changes.Count];
        for (int place = 0; place < changes.Count; place++)
        {
            Change change = changes[place].Logged.Change;
            places[changes[place].Logged.Number] = place;
            var operation = WireCodec.FromBytes<BatchOperation>(change.Request);
            // The number of a new vnode was drawn after the request was written.
            if (operation.Create is { } create)
                operation = operation with { Create = create with { Given = change.Object } };
            // Of those before the batch none is unanswered: what was refused took along all that needs it.
            operations[place] = operation with { Needs = [.. changes[place].Needs.Where(places.ContainsKey).Select(need => places[need])] };
        }
        return operations;
    }

    [LoggerMessage(EventId = 284, Level = LogLevel.Warning, Message = "The server doesn't take batch {Number} of changes yet: {Abort}")]
    private partial void LogNotTaken(ulong number, AbortCode abort);
}
