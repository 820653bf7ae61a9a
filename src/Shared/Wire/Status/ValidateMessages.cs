using Afs.Rpc;

namespace Afs.Wire;

/// <summary>One cached status, to be validated.</summary>
[WireMessage]
public readonly partial record struct CachedVersion(
    [property: Key(0)] VnodeNumber Vnode,
    [property: Key(1)] Uniquifier Uniquifier,
    [property: Key(2)] StatusVersion StatusVersion);

/// <summary>Which of these are still as cached? All of one volume. (AFS: BulkStatus; Coda: ValidateAttrs.)</summary>
[WireMessage]
public sealed partial record ValidateRequest
{
    [Key(0)] public required VolumeId Volume { get; init; }

    /// <summary>Volume version at which all of <see cref="Entries"/> were known good; default where unknown. Equal to the server's: all hold, by one number.</summary>
    [Key(1)] public required VolumeVersion VolumeVersion { get; init; }
    [Key(2), Limit(Limits.ValidationsPerCall)] public required IReadOnlyList<CachedVersion> Entries { get; init; }
}

/// <summary>Those that hold are promised again.</summary>
[WireMessage]
public sealed partial record ValidateReply
{
    /// <summary>One bit per entry, the lowest of the first byte first; set: it holds.</summary>
    [Key(0), Limit((Limits.ValidationsPerCall + 7) / 8)] public required byte[] Valid { get; init; }
    [Key(1)] public required VolumeVersion VolumeVersion { get; init; }
}
