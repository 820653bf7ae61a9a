using System.Diagnostics;
using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Hosting.Admin;

/// <summary>Breaks on their way to a client.</summary>
internal sealed class ObservedCallbacks(IVenusCallbacks inner, Observation seen) : IVenusCallbacks
{
    public async ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
    {
        long begun = Stopwatch.GetTimestamp();
        Outcome<BreakPromisesReply> outcome = await inner.BreakPromisesAsync(request, context);
        TimeSpan duration = Stopwatch.GetElapsedTime(begun);
        if (!outcome.IsReply)
            return outcome;
        seen.Breaks.Record("BreakPromises", duration);
        string subject = request.Volumes.Count > 0 ? "everything" : string.Join(' ', request.Breaks.Take(4).Select(static one => one.Fid));
        seen.Tell("break", null, request.Breaks.Count > 4 ? $"{subject} and {request.Breaks.Count - 4} more" : subject, null, null, duration);
        return outcome;
    }
}
