using System.Runtime.CompilerServices;

namespace Afs.Fuse.Abi;

/// <summary>Constants of the protocol: versions, sizes, and the flag bits of single requests.</summary>
internal static class FuseProtocol
{
    public const uint Major = 7;

    /// <summary>What this library speaks.</summary>
    public const uint Minor = 45;

    /// <summary>Linux 5.4; the structures of older kernels are shorter.</summary>
    public const uint OldestMinor = 31;

    /// <summary>The first minor version with FUSE_NOTIFY_INC_EPOCH (Linux 6.16).</summary>
    public const uint EpochMinor = 44;

    public const int PageBytes = 4096;

    /// <summary>FUSE_MIN_READ_BUFFER: the kernel refuses a shorter read with EINVAL.</summary>
    public const int MinReadBufferBytes = 8192;

    /// <summary>The most pages of data that one request carries where FUSE_MAX_PAGES isn't agreed on.</summary>
    public const int DefaultMaxPages = 32;

    /// <summary>The longest name (NAME_MAX). The kernel may send a longer one; it gets ENAMETOOLONG.</summary>
    public const int NameMaxBytes = 255;

    /// <summary>The longest target of a symbolic link (PATH_MAX without its NUL).</summary>
    public const int LinkTargetMaxBytes = 4095;

    /// <summary>The longest value, and the longest list of names, of extended attributes (XATTR_SIZE_MAX, XATTR_LIST_MAX).</summary>
    public const int XattrMaxBytes = 65536;

    /// <summary>FUSE_GETATTR_FH.</summary>
    public const uint GetAttrHandle = 1 << 0;

    /// <summary>FUSE_OPEN_KILL_SUIDGID.</summary>
    public const uint OpenKillSuidGid = 1 << 0;

    /// <summary>FUSE_WRITE_CACHE.</summary>
    public const uint WriteFromCache = 1 << 0;

    /// <summary>FUSE_WRITE_KILL_SUIDGID.</summary>
    public const uint WriteKillSuidGid = 1 << 2;

    /// <summary>O_DSYNC, which O_SYNC includes. The kernel sets it in a WRITE's flags for RWF_DSYNC and for a mount with MS_SYNCHRONOUS too (fs/fuse/file.c, fuse_write_flags).</summary>
    public const uint OpenDataSync = 0x1000;

    /// <summary>FUSE_FSYNC_FDATASYNC.</summary>
    public const uint FsyncDataOnly = 1 << 0;

    /// <summary>FUSE_RELEASE_FLOCK_UNLOCK.</summary>
    public const uint ReleaseFlockUnlock = 1 << 1;

    /// <summary>FUSE_LK_FLOCK.</summary>
    public const uint LockIsFlock = 1 << 0;

    /// <summary>FUSE_SETXATTR_ACL_KILL_SGID.</summary>
    public const uint SetXattrKillSgid = 1 << 0;

    /// <summary>FUSE_EXPIRE_ONLY, of FUSE_NOTIFY_INVAL_ENTRY.</summary>
    public const uint ExpireOnly = 1 << 0;

    /// <summary>STATX_BASIC_STATS: what a <see cref="FuseAttributes"/> can tell.</summary>
    public const uint StatxBasicStats = 0x7ff;
}

/// <summary>What a request asks for (<c>enum fuse_opcode</c>, include/uapi/linux/fuse.h, protocol 7.45).</summary>
public enum FuseOpcode : uint
{
    Lookup = 1,
    Forget = 2,
    GetAttr = 3,
    SetAttr = 4,
    ReadLink = 5,
    SymLink = 6,
    MkNod = 8,
    MkDir = 9,
    Unlink = 10,
    RmDir = 11,
    Rename = 12,
    Link = 13,
    Open = 14,
    Read = 15,
    Write = 16,
    StatFs = 17,
    Release = 18,
    Fsync = 20,
    SetXattr = 21,
    GetXattr = 22,
    ListXattr = 23,
    RemoveXattr = 24,
    Flush = 25,
    Init = 26,
    OpenDir = 27,
    ReadDir = 28,
    ReleaseDir = 29,
    FsyncDir = 30,
    GetLk = 31,
    SetLk = 32,
    SetLkW = 33,
    Access = 34,
    Create = 35,
    Interrupt = 36,
    Bmap = 37,
    Destroy = 38,
    Ioctl = 39,
    Poll = 40,
    NotifyReply = 41,
    BatchForget = 42,
    Fallocate = 43,
    ReadDirPlus = 44,
    Rename2 = 45,
    LSeek = 46,
    CopyFileRange = 47,
    SetupMapping = 48,
    RemoveMapping = 49,
    SyncFs = 50,
    TmpFile = 51,
    Statx = 52,
    CopyFileRange64 = 53,
}

/// <summary>
/// FUSE_* flags of INIT, both words in one. Bits 32 to 63 travel in <c>flags2</c>, which counts only if
/// <see cref="InitExtended"/> is set.
/// </summary>
[Flags]
public enum FuseInitFlags : ulong
{
    None = 0,
    AsyncRead = 1UL << 0,
    PosixLocks = 1UL << 1,
    AtomicOpenTruncate = 1UL << 3,
    ExportSupport = 1UL << 4,
    BigWrites = 1UL << 5,
    DontMask = 1UL << 6,
    SpliceWrite = 1UL << 7,
    SpliceMove = 1UL << 8,
    SpliceRead = 1UL << 9,
    FlockLocks = 1UL << 10,
    HasIoctlDirectory = 1UL << 11,
    AutoInvalidateData = 1UL << 12,
    DoReadDirPlus = 1UL << 13,
    ReadDirPlusAuto = 1UL << 14,
    AsyncDirectIo = 1UL << 15,
    WritebackCache = 1UL << 16,
    NoOpenSupport = 1UL << 17,
    ParallelDirectoryOperations = 1UL << 18,
    HandleKillPrivileges = 1UL << 19,
    PosixAcl = 1UL << 20,
    AbortError = 1UL << 21,
    MaxPages = 1UL << 22,
    CacheSymLinks = 1UL << 23,
    NoOpenDirectorySupport = 1UL << 24,
    ExplicitInvalidateData = 1UL << 25,
    MapAlignment = 1UL << 26,
    SubMounts = 1UL << 27,
    HandleKillPrivilegesV2 = 1UL << 28,
    SetXattrExtended = 1UL << 29,
    InitExtended = 1UL << 30,
    SecurityContext = 1UL << 32,
    HasInodeDax = 1UL << 33,
    CreateSupplementaryGroup = 1UL << 34,
    HasExpireOnly = 1UL << 35,
    DirectIoAllowMmap = 1UL << 36,
    Passthrough = 1UL << 37,
    NoExportSupport = 1UL << 38,
    HasResend = 1UL << 39,
    AllowIdmap = 1UL << 40,
    OverIoUring = 1UL << 41,
    RequestTimeout = 1UL << 42,
}

/// <summary><c>struct fuse_in_header</c>, 40 bytes: opens every request.</summary>
internal readonly record struct FuseInHeader(
    uint LengthBytes, FuseOpcode Opcode, RequestId Id, NodeId Node, uint Uid, uint Gid, uint Pid, ushort ExtensionWords, ushort Padding)
{
    public const int SizeBytes = 40;
}

/// <summary><c>struct fuse_out_header</c>, 16 bytes: opens every reply (error is zero or a negative errno) and notification (unique is zero, error the code).</summary>
internal readonly record struct FuseOutHeader(uint LengthBytes, int Error, RequestId Id)
{
    public const int SizeBytes = 16;
}

/// <summary>The part of <c>struct fuse_init_in</c> that every kernel sends; those with FUSE_INIT_EXT send flags2 and 11 reserved words more.</summary>
internal readonly record struct FuseInitIn(uint Major, uint Minor, uint MaxReadaheadBytes, uint Flags);

/// <summary><c>struct fuse_init_out</c>, 64 bytes.</summary>
internal readonly record struct FuseInitOut(
    uint Major,
    uint Minor,
    uint MaxReadaheadBytes,
    uint Flags,
    ushort MaxBackground,
    ushort CongestionThreshold,
    uint MaxWriteBytes,
    uint TimeGranularityNs,
    ushort MaxPages,
    ushort MapAlignment,
    uint Flags2,
    uint MaxStackDepth,
    FuseInitOutReserved Reserved);

/// <summary>The last 24 bytes of <c>struct fuse_init_out</c>: request_timeout and reserved words, all zero.</summary>
[InlineArray(6)]
internal struct FuseInitOutReserved
{
    private uint _first;
}

/// <summary><c>struct fuse_forget_in</c>.</summary>
internal readonly record struct FuseForgetIn(ulong Lookups);

/// <summary><c>struct fuse_batch_forget_in</c>; <see cref="FuseForgetOne"/> follows Count times.</summary>
internal readonly record struct FuseBatchForgetIn(uint Count, uint Padding);

/// <summary><c>struct fuse_forget_one</c>.</summary>
internal readonly record struct FuseForgetOne(NodeId Node, ulong Lookups);

/// <summary><c>struct fuse_mknod_in</c>; the name follows.</summary>
internal readonly record struct FuseMkNodIn(uint Mode, uint DeviceNumber, uint Umask, uint Padding);

/// <summary><c>struct fuse_mkdir_in</c>; the name follows.</summary>
internal readonly record struct FuseMkDirIn(uint Mode, uint Umask);

/// <summary><c>struct fuse_rename_in</c>; both names follow.</summary>
internal readonly record struct FuseRenameIn(NodeId NewParent);

/// <summary><c>struct fuse_rename2_in</c>; both names follow.</summary>
internal readonly record struct FuseRename2In(NodeId NewParent, uint Flags, uint Padding);

/// <summary><c>struct fuse_link_in</c>; the new name follows.</summary>
internal readonly record struct FuseLinkIn(NodeId OldNode);

/// <summary><c>struct fuse_dirent</c> without its name.</summary>
internal readonly record struct FuseDirent(ulong Ino, ulong NextOffset, uint NameBytes, uint Type);

/// <summary><c>struct fuse_attr</c>, 88 bytes.</summary>
internal readonly record struct FuseAttr(
    ulong Ino, ulong SizeBytes, ulong Blocks,
    ulong AccessSeconds, ulong ModifySeconds, ulong ChangeSeconds,
    uint AccessNanoseconds, uint ModifyNanoseconds, uint ChangeNanoseconds,
    uint Mode, uint LinkCount, uint Uid, uint Gid, uint DeviceNumber, uint BlockSizeBytes, uint Flags);

/// <summary><c>struct fuse_entry_out</c>, 128 bytes.</summary>
internal readonly record struct FuseEntryOut(
    NodeId Node, ulong Generation, ulong EntryValidSeconds, ulong AttributeValidSeconds,
    uint EntryValidNanoseconds, uint AttributeValidNanoseconds, FuseAttr Attributes);

/// <summary><c>struct fuse_attr_out</c>, 104 bytes.</summary>
internal readonly record struct FuseAttrOut(ulong ValidSeconds, uint ValidNanoseconds, uint Padding, FuseAttr Attributes);

/// <summary><c>struct fuse_getattr_in</c>.</summary>
internal readonly record struct FuseGetAttrIn(uint Flags, uint Padding, FileHandle Handle);

/// <summary><c>struct fuse_setattr_in</c>, 88 bytes.</summary>
internal readonly record struct FuseSetAttrIn(
    uint Valid, uint Padding, FileHandle Handle, ulong SizeBytes, ulong LockOwner,
    ulong AccessSeconds, ulong ModifySeconds, ulong ChangeSeconds,
    uint AccessNanoseconds, uint ModifyNanoseconds, uint ChangeNanoseconds,
    uint Mode, uint Unused4, uint Uid, uint Gid, uint Unused5);

/// <summary><c>struct fuse_access_in</c>.</summary>
internal readonly record struct FuseAccessIn(uint Mask, uint Padding);

/// <summary><c>struct fuse_kstatfs</c>, 80 bytes.</summary>
internal readonly record struct FuseKStatFs(
    ulong Blocks, ulong BlocksFree, ulong BlocksAvailable, ulong Files, ulong FilesFree,
    uint BlockSizeBytes, uint NameMaxBytes, uint FragmentSizeBytes, uint Padding,
    ulong Spare0, ulong Spare1, ulong Spare2);

/// <summary><c>struct fuse_open_in</c>.</summary>
internal readonly record struct FuseOpenIn(int Flags, uint OpenFlags);

/// <summary><c>struct fuse_create_in</c>; the name follows.</summary>
internal readonly record struct FuseCreateIn(int Flags, uint Mode, uint Umask, uint OpenFlags);

/// <summary><c>struct fuse_open_out</c>.</summary>
internal readonly record struct FuseOpenOut(ulong Handle, uint OpenFlags, int BackingId);

/// <summary><c>struct fuse_release_in</c>.</summary>
internal readonly record struct FuseReleaseIn(FileHandle Handle, int Flags, uint ReleaseFlags, ulong LockOwner);

/// <summary><c>struct fuse_flush_in</c>.</summary>
internal readonly record struct FuseFlushIn(FileHandle Handle, uint Unused, uint Padding, ulong LockOwner);

/// <summary><c>struct fuse_fsync_in</c>.</summary>
internal readonly record struct FuseFsyncIn(FileHandle Handle, uint Flags, uint Padding)
{
    /// <summary>fdatasync: the content alone has to be stable.</summary>
    public bool IsDataOnly => (Flags & FuseProtocol.FsyncDataOnly) != 0;
}

/// <summary><c>struct fuse_read_in</c>.</summary>
internal readonly record struct FuseReadIn(FileHandle Handle, ulong Offset, uint SizeBytes, uint ReadFlags, ulong LockOwner, uint Flags, uint Padding);

/// <summary><c>struct fuse_write_in</c>; the data follows.</summary>
internal readonly record struct FuseWriteIn(FileHandle Handle, ulong Offset, uint SizeBytes, uint WriteFlags, ulong LockOwner, uint Flags, uint Padding)
{
    public const int Bytes = 40;

    /// <summary>What both words of flags say.</summary>
    public WriteTraits Traits => ((WriteFlags & FuseProtocol.WriteKillSuidGid) != 0 ? WriteTraits.KillSuidGid : WriteTraits.None)
        | ((WriteFlags & FuseProtocol.WriteFromCache) != 0 ? WriteTraits.FromCache : WriteTraits.None)
        | ((Flags & FuseProtocol.OpenDataSync) != 0 ? WriteTraits.Synchronous : WriteTraits.None);
}

/// <summary><c>struct fuse_write_out</c>, and <c>fuse_getxattr_out</c>, which has the same layout.</summary>
internal readonly record struct FuseSizeOut(uint SizeBytes, uint Padding);

/// <summary><c>struct fuse_fallocate_in</c>.</summary>
internal readonly record struct FuseFallocateIn(FileHandle Handle, ulong Offset, ulong LengthBytes, uint Mode, uint Padding);

/// <summary><c>struct fuse_lseek_in</c>.</summary>
internal readonly record struct FuseLSeekIn(FileHandle Handle, ulong Offset, uint Whence, uint Padding);

/// <summary><c>struct fuse_lseek_out</c>, and <c>fuse_copy_file_range_out</c>, which has the same layout.</summary>
internal readonly record struct FuseOffsetOut(ulong Offset);

/// <summary><c>struct fuse_copy_file_range_in</c>.</summary>
internal readonly record struct FuseCopyFileRangeIn(
    FileHandle Handle, ulong Offset, NodeId ToNode, FileHandle ToHandle, ulong ToOffset, ulong LengthBytes, ulong Flags);

/// <summary><c>struct fuse_backing_map</c>, the argument of FUSE_DEV_IOC_BACKING_OPEN.</summary>
internal readonly record struct FuseBackingMap(int FileDescriptor, uint Flags, ulong Padding);

/// <summary><c>struct fuse_file_lock</c>.</summary>
internal readonly record struct FuseFileLock(ulong Start, ulong End, uint Kind, uint Pid);

/// <summary><c>struct fuse_lk_in</c>.</summary>
internal readonly record struct FuseLkIn(FileHandle Handle, ulong Owner, FuseFileLock Lock, uint Flags, uint Padding)
{
    public FileLock Wanted => new(Owner, Lock.Start, Lock.End, (FileLockKind)Lock.Kind, Lock.Pid, (Flags & FuseProtocol.LockIsFlock) != 0);
}

/// <summary><c>struct fuse_interrupt_in</c>.</summary>
internal readonly record struct FuseInterruptIn(RequestId Target);

/// <summary><c>struct fuse_setxattr_in</c> with FUSE_SETXATTR_EXT; the name and the value follow.</summary>
internal readonly record struct FuseSetXattrIn(uint SizeBytes, uint Flags, uint SetXattrFlags, uint Padding);

/// <summary><see cref="FuseSetXattrIn"/> of a kernel without FUSE_SETXATTR_EXT: its first half.</summary>
internal readonly record struct FuseSetXattrCompatIn(uint SizeBytes, uint Flags)
{
    public FuseSetXattrIn Extended => new(SizeBytes, Flags, 0, 0);
}

/// <summary><c>struct fuse_getxattr_in</c>; for GETXATTR the name follows.</summary>
internal readonly record struct FuseGetXattrIn(uint SizeBytes, uint Padding);

/// <summary><c>struct fuse_statx_in</c>.</summary>
internal readonly record struct FuseStatxIn(uint GetAttrFlags, uint Reserved, FileHandle Handle, uint Flags, uint Mask);

/// <summary><c>struct fuse_sx_time</c>.</summary>
internal readonly record struct FuseStatxTime(long Seconds, uint Nanoseconds, int Reserved);

/// <summary><c>struct fuse_statx</c>, 256 bytes.</summary>
internal readonly record struct FuseStatx(
    uint Mask, uint BlockSizeBytes, ulong Attributes, uint LinkCount, uint Uid, uint Gid, ushort Mode, ushort Spare0,
    ulong Ino, ulong SizeBytes, ulong Blocks, ulong AttributesMask,
    FuseStatxTime AccessTime, FuseStatxTime BirthTime, FuseStatxTime ChangeTime, FuseStatxTime ModifyTime,
    uint DeviceNumberMajor, uint DeviceNumberMinor, uint DeviceMajor, uint DeviceMinor, FuseStatxReserved Spare2);

/// <summary><c>struct fuse_statx_out</c>, 288 bytes.</summary>
internal readonly record struct FuseStatxOut(
    ulong ValidSeconds, uint ValidNanoseconds, uint Flags, ulong Spare0, ulong Spare1, FuseStatx Stat);

/// <summary>The reserved end of <c>struct fuse_statx</c>, all zero.</summary>
[InlineArray(14)]
internal struct FuseStatxReserved
{
    private ulong _first;
}

/// <summary>What a message that answers no request tells the kernel (<c>enum fuse_notify_code</c>).</summary>
internal enum FuseNotifyCode
{
    InvalidateInode = 2,
    InvalidateEntry = 3,
    Resend = 7,
    IncrementEpoch = 8,
}

/// <summary><c>struct fuse_notify_inval_inode_out</c>.</summary>
internal readonly record struct FuseNotifyInvalInodeOut(ulong NodeId, long Offset, long LengthBytes);

/// <summary><c>struct fuse_notify_inval_entry_out</c>; the name and a NUL follow.</summary>
internal readonly record struct FuseNotifyInvalEntryOut(ulong Parent, uint NameBytes, uint Flags);
