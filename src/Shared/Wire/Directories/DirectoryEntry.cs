using Afs.Rpc;

namespace Afs.Wire;

/// <summary>A name in a directory.</summary>
[WireMessage]
public sealed partial record DirectoryEntry
{
    /// <summary>1 to 255 bytes, any but NUL and '/'; not '.' or '..'.</summary>
    [Key(0), Limit(Limits.NameBytes)] public required byte[] Name { get; init; }
    [Key(1)] public required Fid Fid { get; init; }
    [Key(2)] public required FileType Type { get; init; }

    /// <summary>Where statuses were asked for; null else, or where the vnode changed meanwhile. Promised.</summary>
    [Key(3)] public FetchStatus? Status { get; init; }
}
