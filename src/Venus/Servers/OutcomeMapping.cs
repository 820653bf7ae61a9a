using Afs.Rpc;
using Afs.Venus.Cache;

namespace Afs.Venus.Servers;

/// <summary>The one place where what became of a call becomes what Venus tells its askers.</summary>
internal static class OutcomeMapping
{
    /// <param name="isMutation">A read without a reply changed nothing, so it is only unreachable; a mutation may have run.</param>
    public static Result<T> ToResult<T>(Outcome<T> outcome, bool isMutation, CancellationToken cancellation) => outcome.Kind switch
    {
        OutcomeKind.Replied => outcome.Value,
        OutcomeKind.Aborted => (Failure)outcome.Abort,
        OutcomeKind.Unknown when isMutation => FailureKind.InDoubt,
        _ when cancellation.IsCancellationRequested => FailureKind.Interrupted,
        _ => FailureKind.Unreachable,
    };
}
