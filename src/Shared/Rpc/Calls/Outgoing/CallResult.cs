namespace Afs.Rpc;

/// <summary>What became of a call, its reply message still encoded. <see cref="Reply"/> belongs to the caller.</summary>
/// <param name="Kind">As <see cref="OutcomeKind"/>; with a reply frame only where it is Replied.</param>
/// <param name="Origin">The connection that the reply came from: it ends if the reply turns out malformed.</param>
internal readonly record struct CallResult(OutcomeKind Kind, AbortCode Abort, ReceivedFrame Reply, RpcConnection? Origin)
{
    public static CallResult Of(OutcomeKind kind) => new(kind, AbortCode.None, ReceivedFrame.End, null);
}
