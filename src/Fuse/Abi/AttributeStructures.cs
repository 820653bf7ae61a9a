namespace Afs.Fuse.Abi;

/// <summary><c>struct fuse_attr</c>, 88 bytes.</summary>
internal readonly record struct FuseAttr(
    ulong Ino, ulong SizeBytes, ulong Blocks,
    ulong AccessSeconds, ulong ModifySeconds, ulong ChangeSeconds,
    uint AccessNanoseconds, uint ModifyNanoseconds, uint ChangeNanoseconds,
    uint Mode, uint LinkCount, uint Uid, uint Gid, uint DeviceNumber, uint BlockSizeBytes, uint Flags);

/// <summary><c>struct fuse_entry_out</c>, 128 bytes.</summary>
internal readonly record struct FuseEntryOut(
    ulong NodeId, ulong Generation, ulong EntryValidSeconds, ulong AttributeValidSeconds,
    uint EntryValidNanoseconds, uint AttributeValidNanoseconds, FuseAttr Attributes);

/// <summary><c>struct fuse_attr_out</c>, 104 bytes.</summary>
internal readonly record struct FuseAttrOut(ulong ValidSeconds, uint ValidNanoseconds, uint Padding, FuseAttr Attributes);

/// <summary><c>struct fuse_getattr_in</c>.</summary>
internal readonly record struct FuseGetAttrIn(uint Flags, uint Padding, ulong Handle);

/// <summary><c>struct fuse_setattr_in</c>, 88 bytes.</summary>
internal readonly record struct FuseSetAttrIn(
    uint Valid, uint Padding, ulong Handle, ulong SizeBytes, ulong LockOwner,
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
