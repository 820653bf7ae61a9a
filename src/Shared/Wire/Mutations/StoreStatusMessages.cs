using Afs.Rpc;

namespace Afs.Wire;

/// <summary>Which fields a StoreStatus sets.</summary>
[Flags]
public enum StatusFields : uint
{
    None = 0,
    Mode = 1,
    Uid = 2,
    Gid = 4,
    AccessTime = 8,
    ModifyTime = 16,

    /// <summary>Clear set-user-id, and set-group-id where the group may execute.</summary>
    KillSetId = 32,
}

/// <summary>Changes mode, owner, group or times. ChangeTime is set always.</summary>
[WireMessage]
public sealed partial record StoreStatusRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required StatusFields Fields { get; init; }
    [Key(2)] public uint Mode { get; init; }
    [Key(3)] public uint Uid { get; init; }
    [Key(4)] public uint Gid { get; init; }
    [Key(5)] public Timestamp AccessTime { get; init; }
    [Key(6)] public Timestamp ModifyTime { get; init; }
    [Key(7)] public required Timestamp ChangeTime { get; init; }
}

[WireMessage]
public sealed partial record StoreStatusReply
{
    [Key(0)] public required FetchStatus Status { get; init; }
}
