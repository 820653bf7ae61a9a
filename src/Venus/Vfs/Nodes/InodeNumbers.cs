using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>What stat shows as st_ino: the vnode number; with another volume than the mount's mixed in.</summary>
internal sealed class InodeNumbers(VolumeId mounted)
{
    private const int VolumeShift = 40;

    public ulong Of(Fid fid) => fid.Volume == mounted ? fid.Vnode.Value : fid.Vnode.Value ^ ((ulong)(fid.Volume.Value ^ mounted.Value) << VolumeShift);
}
