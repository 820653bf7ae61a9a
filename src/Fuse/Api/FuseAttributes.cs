namespace Afs.Fuse;

/// <summary>
/// The number by which the kernel knows one file, directory or other object (<c>fuse_in_header.nodeid</c>). The filesystem gives it.
/// It lives from the reply that introduced it until the kernel has FORGOTten every lookup of it.
/// It isn't the inode number that stat shows: that is <see cref="FuseAttributes.Ino"/>.
/// </summary>
public readonly record struct NodeId(ulong Value)
{
    /// <summary>The mount's root, known to the kernel without a lookup (FUSE_ROOT_ID).</summary>
    public static readonly NodeId Root = new(1);

    public override string ToString() => $"node {Value}";
}

/// <summary>The filesystem's own name for one open file or directory; the kernel hands it back with each use.</summary>
public readonly record struct FileHandle(ulong Value);

/// <summary>The kernel's identifier of one request (<c>fuse_in_header.unique</c>).</summary>
public readonly record struct RequestId(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// A backing file registered with FUSE_DEV_IOC_BACKING_OPEN, for passthrough. Zero means none.
/// All opens of one NodeId at a time must use the same id (fs/fuse/iomode.c).
/// </summary>
public readonly record struct BackingId(int Value)
{
    public bool IsNone => Value == 0;
}

/// <summary>A point in time as stat shows it: seconds since 1970 (may be negative) and nanoseconds, 0 to 999,999,999.</summary>
public readonly record struct FuseTime(long Seconds, uint Nanoseconds);

/// <summary>What stat shows of a node (<c>struct fuse_attr</c>). <see cref="Mode"/> holds the file type and the permission bits.</summary>
public struct FuseAttributes
{
    public ulong Ino;
    public ulong SizeBytes;

    /// <summary>In units of 512 bytes.</summary>
    public ulong Blocks;
    public FuseTime AccessTime;
    public FuseTime ModifyTime;
    public FuseTime ChangeTime;
    public uint Mode;
    public uint LinkCount;
    public uint Uid;
    public uint Gid;

    /// <summary>Device number, for block and character devices, in the kernel's 32-bit encoding (new_encode_dev).</summary>
    public uint DeviceNumber;
    public uint BlockSizeBytes;
}

/// <summary>
/// The answer to LOOKUP and to everything that makes a name: the node, what stat shows of it, and for how long the
/// kernel may believe each without asking. A <see cref="Node"/> of zero says that there is no such name, which the kernel may cache too.
/// Each reply with a node other than zero adds one to the kernel's lookup count of it, until FORGET.
/// </summary>
public struct EntryReply
{
    public NodeId Node;
    public ulong Generation;
    public FuseAttributes Attributes;
    public TimeSpan EntryTimeout;
    public TimeSpan AttributeTimeout;
}

/// <summary>The answer to GETATTR and SETATTR.</summary>
public struct AttributesReply
{
    public FuseAttributes Attributes;
    public TimeSpan AttributeTimeout;
}

/// <summary>FOPEN_* flags of an open reply (include/uapi/linux/fuse.h).</summary>
[Flags]
public enum OpenReplyFlags : uint
{
    None = 0,
    DirectIo = 1 << 0,
    KeepCache = 1 << 1,
    NonSeekable = 1 << 2,
    CacheDirectory = 1 << 3,
    Stream = 1 << 4,
    NoFlush = 1 << 5,
    ParallelDirectWrites = 1 << 6,
    Passthrough = 1 << 7,
}

/// <summary>What the kernel says of a WRITE beside its data.</summary>
[Flags]
public enum WriteTraits
{
    None = 0,

    /// <summary>The writer has no right to keep the set-id bits: the filesystem clears them.</summary>
    KillSuidGid = 1 << 0,

    /// <summary>The caller's write() must not return before the data is on stable storage: O_SYNC, O_DSYNC, RWF_SYNC, RWF_DSYNC, or a mount with the option sync.</summary>
    Synchronous = 1 << 1,

    /// <summary>The kernel writes back pages that a process changed through mmap. The handle is that of any open of the file, not of who changed it.</summary>
    FromCache = 1 << 2,
}

/// <summary>The answer to OPEN and OPENDIR. <see cref="Backing"/> counts only with <see cref="OpenReplyFlags.Passthrough"/>.</summary>
public struct OpenReply
{
    public FileHandle Handle;
    public OpenReplyFlags Flags;
    public BackingId Backing;
}

/// <summary>The answer to CREATE and TMPFILE.</summary>
public struct CreateReply
{
    public EntryReply Entry;
    public OpenReply Open;
}

/// <summary>What statfs shows. Blocks are of <see cref="BlockSizeBytes"/>.</summary>
public struct StatFsReply
{
    public ulong Blocks;
    public ulong BlocksFree;
    public ulong BlocksAvailable;
    public ulong Files;
    public ulong FilesFree;
    public uint BlockSizeBytes;
    public uint NameMaxBytes;
    public uint FragmentSizeBytes;
}

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

/// <summary>F_RDLCK, F_WRLCK, F_UNLCK.</summary>
public enum FileLockKind : uint
{
    Read = 0,
    Write = 1,
    Unlock = 2,
}

/// <summary>A byte range lock or, with <see cref="IsFlock"/>, a whole-file lock. <see cref="End"/> is inclusive.</summary>
public readonly record struct FileLock(ulong Owner, ulong Start, ulong End, FileLockKind Kind, uint Pid, bool IsFlock);
