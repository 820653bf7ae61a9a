using Afs.Rpc;

namespace Afs.Wire;

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
