namespace Afs.Fuse.Abi;

/// <summary><c>struct fuse_forget_in</c>.</summary>
internal readonly record struct FuseForgetIn(ulong Lookups);

/// <summary><c>struct fuse_batch_forget_in</c>; <see cref="FuseForgetOne"/> follows Count times.</summary>
internal readonly record struct FuseBatchForgetIn(uint Count, uint Padding);

/// <summary><c>struct fuse_forget_one</c>.</summary>
internal readonly record struct FuseForgetOne(ulong NodeId, ulong Lookups);

/// <summary><c>struct fuse_mknod_in</c>; the name follows.</summary>
internal readonly record struct FuseMkNodIn(uint Mode, uint DeviceNumber, uint Umask, uint Padding);

/// <summary><c>struct fuse_mkdir_in</c>; the name follows.</summary>
internal readonly record struct FuseMkDirIn(uint Mode, uint Umask);

/// <summary><c>struct fuse_rename_in</c>; both names follow.</summary>
internal readonly record struct FuseRenameIn(ulong NewParent);

/// <summary><c>struct fuse_rename2_in</c>; both names follow.</summary>
internal readonly record struct FuseRename2In(ulong NewParent, uint Flags, uint Padding);

/// <summary><c>struct fuse_link_in</c>; the new name follows.</summary>
internal readonly record struct FuseLinkIn(ulong OldNodeId);

/// <summary><c>struct fuse_dirent</c> without its name.</summary>
internal readonly record struct FuseDirent(ulong Ino, ulong NextOffset, uint NameBytes, uint Type);
