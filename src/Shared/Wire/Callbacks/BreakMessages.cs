using Afs.Rpc;

namespace Afs.Wire;

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
