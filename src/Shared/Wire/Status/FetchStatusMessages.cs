using Afs.Rpc;

namespace Afs.Wire;

/// <summary>Asks for the statuses of many fids. Each that is answered with a status is promised.</summary>
[WireMessage]
public sealed partial record FetchStatusRequest
{
    [Key(0), Limit(Limits.StatusesPerCall)] public required IReadOnlyList<Fid> Fids { get; init; }
}

/// <summary>In the order asked; null where the vnode is gone.</summary>
[WireMessage]
public sealed partial record FetchStatusReply
{
    [Key(0), Limit(Limits.StatusesPerCall)] public required IReadOnlyList<FetchStatus?> Statuses { get; init; }

    /// <summary>As of before the statuses were read.</summary>
    [Key(1)] public required VolumeVersion VolumeVersion { get; init; }
}
