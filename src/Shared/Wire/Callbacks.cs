using Afs.Rpc;

namespace Afs.Wire;

/// <summary>What Vice asks of Venus, over the connection that Venus made to it.</summary>
[RpcService]
public interface IVenusCallbacks
{
    [Op(200)]
    ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context);

    [Op(202)]
    ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context);
}

/// <summary>One promise that is broken.</summary>
[WireMessage]
public sealed partial record PromiseBreak
{
    [Key(0)] public required Fid Fid { get; init; }

    /// <summary>A directory: the names that this change set or removed, so that the client tells its kernel only of those. Null: any may have changed.</summary>
    [Key(1), Limit(Limits.NamesPerBreak)] public IReadOnlyList<ChangedName>? Names { get; init; }
}

[WireMessage]
public sealed partial record ChangedName
{
    [Key(0), Limit(Limits.NameBytes)] public required byte[] Name { get; init; }
}

/// <summary>Server to client: these promises are gone. The reply means: they are, for every process of this client, the kernel included.</summary>
[WireMessage]
public sealed partial record BreakPromisesRequest
{
    [Key(0), Limit(Limits.BreaksPerCall)] public required IReadOnlyList<PromiseBreak> Breaks { get; init; }

    /// <summary>All promises on anything in these volumes.</summary>
    [Key(1), Limit(Limits.BreaksPerCall)] public required IReadOnlyList<VolumeId> Volumes { get; init; }

    /// <summary>
    /// Write tokens that others wait for. The reply says no more than that this is known: the client takes no further change under them, sends what it did, and returns them by
    /// <see cref="ReturnTokensRequest"/>; also those that it doesn't know of, for this may overtake the reply that gave them. Promises on these vnodes stay.
    /// </summary>
    [Key(2), Limit(Limits.BreaksPerCall)] public IReadOnlyList<Fid> Recalls { get; init; } = [];

    /// <summary>
    /// Lock tokens that others wait for. The reply says no more than that this is known: the client returns them by <see cref="ReturnLocksRequest"/>, after the answers to all its requests for
    /// locks of these files, one of which may be what brings a token that it doesn't know of.
    /// </summary>
    [Key(3), Limit(Limits.BreaksPerCall)] public IReadOnlyList<LockRecall> LockRecalls { get; init; } = [];
}

[WireMessage]
public sealed partial record BreakPromisesReply
{
}

/// <summary>The client no longer needs these promises (AFS: GiveUpCallBacks).</summary>
[WireMessage]
public sealed partial record GiveUpPromisesRequest
{
    [Key(0), Limit(Limits.FidsPerGiveUp)] public required IReadOnlyList<Fid> Fids { get; init; }
}

[WireMessage]
public sealed partial record GiveUpPromisesReply
{
}

/// <summary>
/// Asks for write tokens: who holds one may change that vnode first and tell the server later, in batches (<see cref="ApplyBatchRequest"/>). Others who ask for it meanwhile wait until it is returned.
/// </summary>
[WireMessage]
public sealed partial record AcquireTokensRequest
{
    /// <summary>All of one volume.</summary>
    [Key(0), Limit(Limits.TokensPerCall)] public required IReadOnlyList<Fid> Fids { get; init; }

    /// <summary>
    /// The session held these when the server was restarted: they are its again if it comes before its lease is over. Until each session that held any has said so of all
    /// of them, others wait.
    /// </summary>
    [Key(1)] public bool IsReclaim { get; init; }

    /// <summary>More is to be claimed by further calls. The last call says no, also one without fids.</summary>
    [Key(2)] public bool HasMore { get; init; }
}

[WireMessage]
public sealed partial record AcquireTokensReply
{
    /// <summary>In the order asked.</summary>
    [Key(0), Limit(Limits.TokensPerCall)] public required IReadOnlyList<TokenGrant> Grants { get; init; }
}

[WireMessage]
public sealed partial record TokenGrant
{
    [Key(0)] public required TokenOutcome Outcome { get; init; }

    /// <summary>Granted: as it is now, promised. Else null.</summary>
    [Key(1)] public FetchStatus? Status { get; init; }
}

/// <summary>What became of the wish for a write token.</summary>
public enum TokenOutcome : byte
{
    /// <summary>Another has it or asked for the vnode within the last seconds, or there are too many. The vnode is changed at the server, as without tokens.</summary>
    Contended = 0,

    /// <summary>It is the session's, and nobody else trusts anything on that vnode any more.</summary>
    Granted = 1,

    /// <summary>There is no such vnode.</summary>
    Gone = 2,
}

/// <summary>The client has sent what it did under these, or did nothing: who waits for them goes on. Promises stay.</summary>
[WireMessage]
public sealed partial record ReturnTokensRequest
{
    [Key(0), Limit(Limits.FidsPerGiveUp)] public required IReadOnlyList<Fid> Fids { get; init; }
}

[WireMessage]
public sealed partial record ReturnTokensReply
{
}

/// <summary>The client leaves: nothing of it trusts anything any longer, and it makes no further call in this session.</summary>
[WireMessage]
public sealed partial record EndSessionRequest
{
}

[WireMessage]
public sealed partial record EndSessionReply
{
}

/// <summary>Heartbeat, client to server: renews the lease and shows a new epoch.</summary>
[WireMessage]
public sealed partial record ProbeRequest
{
}

[WireMessage]
public sealed partial record ProbeReply
{
}
