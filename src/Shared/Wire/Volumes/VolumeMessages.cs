using Afs.Rpc;

namespace Afs.Wire;

/// <summary>Finds a volume by its name.</summary>
[WireMessage]
public sealed partial record GetVolumeRequest
{
    [Key(0), Limit(Limits.VolumeNameBytes)] public required string Name { get; init; }
}

[WireMessage]
public sealed partial record GetVolumeReply
{
    [Key(0)] public required Fid Root { get; init; }
    [Key(1)] public required VolumeVersion Version { get; init; }

    /// <summary>Random, made with the volume, and again when it is restored from a backup: versions of another incarnation say nothing.</summary>
    [Key(2)] public required ulong Incarnation { get; init; }
}

/// <summary>Asks for what statfs shows.</summary>
[WireMessage]
public sealed partial record GetVolumeStatusRequest
{
    [Key(0)] public required VolumeId Volume { get; init; }
}

[WireMessage]
public sealed partial record GetVolumeStatusReply
{
    [Key(0)] public required long TotalBytes { get; init; }
    [Key(1)] public required long FreeBytes { get; init; }

    /// <summary>Vnodes in use.</summary>
    [Key(2)] public required ulong Vnodes { get; init; }
}
