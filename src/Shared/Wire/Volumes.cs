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

    /// <summary>Of the free ones those that the server keeps back: what adds to its disk is refused before it takes them.</summary>
    [Key(3)] public long ReservedBytes { get; init; }

    /// <summary>Vnodes in use.</summary>
    [Key(2)] public required ulong Vnodes { get; init; }
}

/// <summary>Asks how the server is.</summary>
[WireMessage]
public sealed partial record GetServerStatusRequest
{
}

/// <summary>Figures by name, so that a new one needs no new message: sessions, promises, breaks.sent, stores.unseen, commits …</summary>
[WireMessage]
public sealed partial record GetServerStatusReply
{
    [Key(0), Limit(Limits.TextBytes)] public required string Version { get; init; }
    [Key(1)] public required ulong Epoch { get; init; }
    [Key(2)] public required long UptimeMs { get; init; }
    [Key(3), Limit(1024)] public required IReadOnlyList<Figure> Figures { get; init; }
}

[WireMessage]
public sealed partial record Figure
{
    [Key(0), Limit(Limits.TextBytes)] public required string Name { get; init; }
    [Key(1)] public required long Value { get; init; }
}
