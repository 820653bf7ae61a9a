using Afs.Rpc;

namespace Afs.Wire;

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
