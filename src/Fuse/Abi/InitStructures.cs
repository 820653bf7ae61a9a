using System.Runtime.CompilerServices;

namespace Afs.Fuse.Abi;

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
