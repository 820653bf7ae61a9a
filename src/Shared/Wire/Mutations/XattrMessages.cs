using Afs.Rpc;

namespace Afs.Wire;

/// <summary>How a set treats an xattr that is there or isn't (XATTR_CREATE, XATTR_REPLACE of setxattr(2)).</summary>
public enum XattrMode : byte
{
    CreateOrReplace = 0,
    Create = 1,
    Replace = 2,
}

[WireMessage]
public sealed partial record StoreXattrRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1), Limit(Limits.XattrNameBytes)] public required byte[] Name { get; init; }

    /// <summary>Null removes it.</summary>
    [Key(2), Limit(Limits.XattrValueBytes)] public byte[]? Value { get; init; }
    [Key(3)] public XattrMode Mode { get; init; }
    [Key(4)] public required Timestamp ChangeTime { get; init; }
}

[WireMessage]
public sealed partial record StoreXattrReply
{
    [Key(0)] public required FetchStatus Status { get; init; }
}
