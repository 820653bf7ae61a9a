using Afs.Rpc;

namespace Afs.Wire;

/// <summary>Removes a name: unlink or, with <see cref="IsDirectory"/>, rmdir.</summary>
[WireMessage]
public sealed partial record RemoveRequest
{
    [Key(0)] public required Fid Parent { get; init; }
    [Key(1), Limit(Limits.NameBytes)] public required byte[] Name { get; init; }
    [Key(2)] public required bool IsDirectory { get; init; }
    [Key(3)] public required Timestamp Time { get; init; }

    /// <summary>What the caller believes the name stands for; not default: NameChanged if it is another.</summary>
    [Key(4)] public Fid Expected { get; init; }
}

[WireMessage]
public sealed partial record RemoveReply
{
    [Key(0)] public required FetchStatus Parent { get; init; }

    /// <summary>What the name stood for.</summary>
    [Key(1)] public required Fid Removed { get; init; }

    /// <summary>Its status where other names are left; null where it is gone.</summary>
    [Key(2)] public FetchStatus? Remaining { get; init; }
}
