namespace Afs.Fuse.Mounting;

/// <summary>Flags of mount(2) and umount2(2) (include/uapi/linux/mount.h).</summary>
internal static class MountFlags
{
    public const nuint ReadOnly = 1;
    public const nuint NoSetId = 2;
    public const nuint NoDevices = 4;
    public const nuint NoExec = 8;

    /// <summary>MNT_FORCE: aborts the FUSE connection, then tries to unmount.</summary>
    public const int UnmountForce = 1;

    /// <summary>MNT_DETACH.</summary>
    public const int UnmountDetach = 2;

    /// <summary>UMOUNT_NOFOLLOW.</summary>
    public const int UnmountNoFollow = 8;
}
