namespace Afs.Venus.Vfs;

/// <summary>Why a mount was refused.</summary>
public enum MountRefusal
{
    Other,

    /// <summary>No /dev/fuse, or a kernel that is too old.</summary>
    NoFuse,
    NoPermission,

    /// <summary>A mount whose daemon died stands there.</summary>
    Stale,
    BadMountPoint,
    InUse,
}
