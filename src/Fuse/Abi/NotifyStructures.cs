namespace Afs.Fuse.Abi;

/// <summary><c>struct fuse_notify_inval_inode_out</c>.</summary>
internal readonly record struct FuseNotifyInvalInodeOut(ulong NodeId, long Offset, long LengthBytes);

/// <summary><c>struct fuse_notify_inval_entry_out</c>; the name and a NUL follow.</summary>
internal readonly record struct FuseNotifyInvalEntryOut(ulong Parent, uint NameBytes, uint Flags);

/// <summary><c>struct fuse_notify_delete_out</c>; the name and a NUL follow.</summary>
internal readonly record struct FuseNotifyDeleteOut(ulong Parent, ulong Child, uint NameBytes, uint Padding);
