using System.Runtime.CompilerServices;

namespace Afs.Fuse.Abi;

/// <summary><c>struct fuse_statx_in</c>.</summary>
internal readonly record struct FuseStatxIn(uint GetAttrFlags, uint Reserved, ulong Handle, uint Flags, uint Mask);

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
