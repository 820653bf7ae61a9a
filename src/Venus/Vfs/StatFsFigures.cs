using Afs.Fuse;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>What statfs shows of a volume.</summary>
internal static class StatFsFigures
{
    private const uint BlockSizeBytes = 4096;

    /// <summary>Vnode numbers don't run out; programs that look for room want to see some.</summary>
    private const ulong VnodesFree = 1UL << 32;

    public static StatFsReply ToReply(GetVolumeStatusReply volume) => new()
    {
        BlockSizeBytes = BlockSizeBytes,
        FragmentSizeBytes = BlockSizeBytes,
        Blocks = (ulong)volume.TotalBytes / BlockSizeBytes,
        BlocksFree = (ulong)volume.FreeBytes / BlockSizeBytes,
        BlocksAvailable = (ulong)volume.FreeBytes / BlockSizeBytes,
        Files = volume.Vnodes + VnodesFree,
        FilesFree = VnodesFree,
        NameMaxBytes = Limits.NameBytes,
    };
}
