namespace Afs.Fuse.Abi;

/// <summary><c>struct fuse_open_in</c>.</summary>
internal readonly record struct FuseOpenIn(uint Flags, uint OpenFlags);

/// <summary><c>struct fuse_create_in</c>; the name follows.</summary>
internal readonly record struct FuseCreateIn(uint Flags, uint Mode, uint Umask, uint OpenFlags);

/// <summary><c>struct fuse_open_out</c>.</summary>
internal readonly record struct FuseOpenOut(ulong Handle, uint OpenFlags, int BackingId);

/// <summary><c>struct fuse_release_in</c>.</summary>
internal readonly record struct FuseReleaseIn(ulong Handle, uint Flags, uint ReleaseFlags, ulong LockOwner);

/// <summary><c>struct fuse_flush_in</c>.</summary>
internal readonly record struct FuseFlushIn(ulong Handle, uint Unused, uint Padding, ulong LockOwner);

/// <summary><c>struct fuse_fsync_in</c>.</summary>
internal readonly record struct FuseFsyncIn(ulong Handle, uint Flags, uint Padding);

/// <summary><c>struct fuse_read_in</c>.</summary>
internal readonly record struct FuseReadIn(ulong Handle, ulong Offset, uint SizeBytes, uint ReadFlags, ulong LockOwner, uint Flags, uint Padding);

/// <summary><c>struct fuse_write_in</c>; the data follows.</summary>
internal readonly record struct FuseWriteIn(ulong Handle, ulong Offset, uint SizeBytes, uint WriteFlags, ulong LockOwner, uint Flags, uint Padding);

/// <summary><c>struct fuse_write_out</c>, and <c>fuse_getxattr_out</c>, which has the same layout.</summary>
internal readonly record struct FuseSizeOut(uint SizeBytes, uint Padding);

/// <summary><c>struct fuse_fallocate_in</c>.</summary>
internal readonly record struct FuseFallocateIn(ulong Handle, ulong Offset, ulong LengthBytes, uint Mode, uint Padding);

/// <summary><c>struct fuse_lseek_in</c>.</summary>
internal readonly record struct FuseLSeekIn(ulong Handle, ulong Offset, uint Whence, uint Padding);

/// <summary><c>struct fuse_lseek_out</c>, and <c>fuse_copy_file_range_out</c>, which has the same layout.</summary>
internal readonly record struct FuseOffsetOut(ulong Offset);

/// <summary><c>struct fuse_copy_file_range_in</c>.</summary>
internal readonly record struct FuseCopyFileRangeIn(
    ulong Handle, ulong Offset, ulong ToNodeId, ulong ToHandle, ulong ToOffset, ulong LengthBytes, ulong Flags);

/// <summary><c>struct fuse_backing_map</c>, the argument of FUSE_DEV_IOC_BACKING_OPEN.</summary>
internal readonly record struct FuseBackingMap(int FileDescriptor, uint Flags, ulong Padding);
