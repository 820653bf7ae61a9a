using Afs.Rpc;

namespace Afs.Wire;

/// <summary>What Vice asks of Venus, over the connection that Venus made to it.</summary>
[RpcService]
public interface IVenusCallbacks
{
    [Op(200)]
    ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context);
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
