using Afs.Rpc;

namespace Afs.Wire;

/// <summary>Gives a file, not a directory, one more name anywhere in its volume; also the first one of an object without a name.</summary>
[WireMessage]
public sealed partial record LinkRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required Fid Parent { get; init; }
    [Key(2), Limit(Limits.NameBytes)] public required byte[] Name { get; init; }
    [Key(3)] public required Timestamp Time { get; init; }
}

[WireMessage]
public sealed partial record LinkReply
{
    [Key(0)] public required FetchStatus Status { get; init; }
    [Key(1)] public required FetchStatus Parent { get; init; }
}

/// <summary>The client no longer needs an object without a name: it goes, unless it was linked meanwhile.</summary>
[WireMessage]
public sealed partial record ReleaseUnnamedRequest
{
    [Key(0)] public required Fid Fid { get; init; }
}

[WireMessage]
public sealed partial record ReleaseUnnamedReply
{
}
