namespace Afs.Fuse.Abi;

/// <summary><c>struct fuse_setxattr_in</c> as without FUSE_SETXATTR_EXT; the name and the value follow.</summary>
internal readonly record struct FuseSetXattrIn(uint SizeBytes, uint Flags);

/// <summary>What FUSE_SETXATTR_EXT adds after <see cref="FuseSetXattrIn"/>.</summary>
internal readonly record struct FuseSetXattrExtension(uint SetXattrFlags, uint Padding);

/// <summary><c>struct fuse_getxattr_in</c>; for GETXATTR the name follows.</summary>
internal readonly record struct FuseGetXattrIn(uint SizeBytes, uint Padding);
