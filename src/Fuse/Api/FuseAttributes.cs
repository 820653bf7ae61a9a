namespace Afs.Fuse;

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
/// kernel may believe each without asking. <see cref="Node"/> zero is a cached "no such name".
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
