namespace Afs.Fuse.Abi;

/// <summary><c>struct fuse_in_header</c>, 40 bytes: opens every request.</summary>
internal readonly record struct FuseInHeader(
    uint LengthBytes, FuseOpcode Opcode, ulong Unique, ulong NodeId, uint Uid, uint Gid, uint Pid, ushort ExtensionWords, ushort Padding)
{
    public const int SizeBytes = 40;
}

/// <summary><c>struct fuse_out_header</c>, 16 bytes: opens every reply (error is zero or a negative errno) and notification (unique is zero, error the code).</summary>
internal readonly record struct FuseOutHeader(uint LengthBytes, int Error, ulong Unique)
{
    public const int SizeBytes = 16;
}
