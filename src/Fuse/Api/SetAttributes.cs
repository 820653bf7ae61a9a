namespace Afs.Fuse;

/// <summary>FATTR_* bits: which fields a SETATTR sets (include/uapi/linux/fuse.h).</summary>
[Flags]
public enum SetAttributesMask : uint
{
    None = 0,
    Mode = 1 << 0,
    Uid = 1 << 1,
    Gid = 1 << 2,
    Size = 1 << 3,
    AccessTime = 1 << 4,
    ModifyTime = 1 << 5,
    Handle = 1 << 6,
    AccessTimeNow = 1 << 7,
    ModifyTimeNow = 1 << 8,
    LockOwner = 1 << 9,
    ChangeTime = 1 << 10,
    KillSuidGid = 1 << 11,
}

/// <summary>A SETATTR. With HANDLE_KILLPRIV_V2 a mask of <see cref="SetAttributesMask.None"/> asks to clear set-id bits after a write.</summary>
public struct SetAttributesRequest
{
    public SetAttributesMask Mask;
    public FileHandle Handle;
    public ulong SizeBytes;
    public FuseTime AccessTime;
    public FuseTime ModifyTime;
    public FuseTime ChangeTime;
    public uint Mode;
    public uint Uid;
    public uint Gid;
}
