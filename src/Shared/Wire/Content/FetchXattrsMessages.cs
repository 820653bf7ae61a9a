using Afs.Rpc;

namespace Afs.Wire;

/// <summary>Asks for all xattrs of a vnode.</summary>
[WireMessage]
public sealed partial record FetchXattrsRequest
{
    [Key(0)] public required Fid Fid { get; init; }
}

/// <summary>They belong to the status that comes with them, which is promised.</summary>
[WireMessage]
public sealed partial record FetchXattrsReply
{
    [Key(0)] public required FetchStatus Status { get; init; }
    [Key(1), Limit(Limits.XattrsPerVnode)] public required IReadOnlyList<Xattr> Xattrs { get; init; }
}

[WireMessage]
public sealed partial record Xattr
{
    /// <summary>With its namespace, e.g. user.mime_type.</summary>
    [Key(0), Limit(Limits.XattrNameBytes)] public required byte[] Name { get; init; }
    [Key(1), Limit(Limits.XattrValueBytes)] public required byte[] Value { get; init; }
}
