using Afs.Fuse.Interop;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Mounting;

/// <summary>Mounts and unmounts by the way that this user has: the system calls as root, else fusermount3.</summary>
internal static class Mounter
{
    private const string ConnectionsFolder = "/sys/fs/fuse/connections";

    /// <exception cref="FuseException">The mount was refused.</exception>
    public static SafeFileHandle Mount(string mountPoint, FuseMountOptions options)
    {
        bool isRoot = NativeMethods.EffectiveUserId() == 0;
        return isRoot && !options.ForceFusermount ? DirectMount.Mount(mountPoint, options) : FusermountMount.Mount(mountPoint, options);
    }

    public static Errno Unmount(string mountPoint, bool isLazy)
    {
        int flags = MountFlags.UnmountNoFollow | (isLazy ? MountFlags.UnmountDetach : 0);
        Errno error = UnmountDirectly(mountPoint, flags);
        return error == Errno.EPERM ? FusermountMount.Unmount(mountPoint, isLazy) : error;
    }

    /// <summary>
    /// Ends the connection, so that nothing waits for its daemon any longer, then takes the mount away. The first goes
    /// through fusectl for a user, and through MNT_FORCE for root, who needs no fusectl.
    /// </summary>
    public static Errno Abort(string mountPoint, uint? connectionNumber)
    {
        if (connectionNumber is { } number)
        {
            KernelFile.TryWrite($"{ConnectionsFolder}/{number}/abort", "1"); // Not where fusectl isn't mounted, or the connection is gone.
        }

        UnmountDirectly(mountPoint, MountFlags.UnmountForce | MountFlags.UnmountNoFollow);
        Errno error = Unmount(mountPoint, isLazy: true);
        return error == Errno.EINVAL ? Errno.None : error;
    }

    private static Errno UnmountDirectly(string mountPoint, int flags)
    {
        int result = NativeMethods.Unmount(mountPoint, flags);
        return result < 0 ? NativeMethods.LastErrno() : Errno.None;
    }
}
