namespace Afs.Fuse.Abi;

/// <summary><c>struct fuse_file_lock</c>.</summary>
internal readonly record struct FuseFileLock(ulong Start, ulong End, uint Kind, uint Pid);

/// <summary><c>struct fuse_lk_in</c>.</summary>
internal readonly record struct FuseLkIn(ulong Handle, ulong Owner, FuseFileLock Lock, uint Flags, uint Padding);

/// <summary><c>struct fuse_interrupt_in</c>.</summary>
internal readonly record struct FuseInterruptIn(ulong Unique);
