namespace Afs.Fuse.Abi;

/// <summary>Numbers of the protocol that are no structure: versions, sizes, and flag bits of single requests.</summary>
internal static class FuseProtocol
{
    public const uint Major = 7;

    /// <summary>What this library speaks.</summary>
    public const uint Minor = 45;

    /// <summary>Linux 5.4; the structures of older kernels are shorter.</summary>
    public const uint OldestMinor = 31;

    /// <summary>First with FUSE_NOTIFY_INC_EPOCH (Linux 6.16).</summary>
    public const uint EpochMinor = 44;

    public const int PageBytes = 4096;

    /// <summary>FUSE_MIN_READ_BUFFER: the kernel refuses a shorter read with EINVAL.</summary>
    public const int MinReadBufferBytes = 8192;

    /// <summary>What the kernel sends at most without FUSE_MAX_PAGES.</summary>
    public const int DefaultMaxPages = 32;

    /// <summary>The longest name (NAME_MAX). The kernel may ask for longer ones, and gets ENAMETOOLONG.</summary>
    public const int NameMaxBytes = 255;

    /// <summary>The longest target of a symbolic link (PATH_MAX without its NUL).</summary>
    public const int LinkTargetMaxBytes = 4095;

    /// <summary>The longest value, and the longest list of names, of extended attributes (XATTR_SIZE_MAX, XATTR_LIST_MAX).</summary>
    public const int XattrMaxBytes = 65536;

    /// <summary>FUSE_GETATTR_FH.</summary>
    public const uint GetAttrHandle = 1 << 0;

    /// <summary>FUSE_OPEN_KILL_SUIDGID.</summary>
    public const uint OpenKillSuidGid = 1 << 0;

    /// <summary>FUSE_WRITE_KILL_SUIDGID.</summary>
    public const uint WriteKillSuidGid = 1 << 2;

    /// <summary>FUSE_FSYNC_FDATASYNC.</summary>
    public const uint FsyncDataOnly = 1 << 0;

    /// <summary>FUSE_RELEASE_FLOCK_UNLOCK.</summary>
    public const uint ReleaseFlockUnlock = 1 << 1;

    /// <summary>FUSE_LK_FLOCK.</summary>
    public const uint LockIsFlock = 1 << 0;

    /// <summary>FUSE_SETXATTR_ACL_KILL_SGID.</summary>
    public const uint SetXattrKillSgid = 1 << 0;

    /// <summary>STATX_BASIC_STATS: what a <see cref="FuseAttributes"/> can tell.</summary>
    public const uint StatxBasicStats = 0x7ff;
}
