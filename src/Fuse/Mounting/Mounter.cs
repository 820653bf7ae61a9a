using System.Globalization;
using Afs.Fuse.Interop;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Mounting;

/// <summary>Mounts and unmounts: by system calls as root, else through fusermount3.</summary>
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
    /// Ends the connection, so that nothing waits for its daemon any longer, then takes the mount away. A user ends it through
    /// fusectl; for root MNT_FORCE does it too, also where fusectl isn't mounted.
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

/// <summary>Writes the path of a mount point as the mount table shows it.</summary>
internal static class MountPointPath
{
    /// <exception cref="FuseException">It doesn't exist, is no directory, or is a mount whose daemon died.</exception>
    public static string Resolve(string mountPoint)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(mountPoint));
        if (StaleMount.IsStale(full))
        {
            throw new FuseException($"{full} is a mount whose daemon died; unmount it first (umount -l).", Errno.ENOTCONN);
        }

        var folder = new DirectoryInfo(full);
        if (!folder.Exists)
        {
            throw new FuseException($"{full} is not a directory.", Errno.ENOTDIR);
        }

        return folder.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? full;
    }
}

/// <summary>Opens /dev/fuse and mounts with mount(2), which needs CAP_SYS_ADMIN.</summary>
internal static class DirectMount
{
    private const int OpenReadWriteCloseOnExec = 0x80002;

    public static SafeFileHandle Mount(string mountPoint, FuseMountOptions options)
    {
        SafeFileHandle device = OpenDevice();
        try
        {
            MountOn(device, mountPoint, options);
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <exception cref="FuseException">There is no device, or this process may not use it.</exception>
    public static SafeFileHandle OpenDevice()
    {
        int descriptor = NativeMethods.Open("/dev/fuse", OpenReadWriteCloseOnExec);
        Errno openError = descriptor < 0 ? NativeMethods.LastErrno() : Errno.None;
        if (openError != Errno.None)
        {
            throw new FuseException("Cannot open /dev/fuse.", openError);
        }

        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Mounts on a device that has no mount yet. The device stays the caller's.</summary>
    /// <exception cref="FuseException">The mount was refused.</exception>
    public static void MountOn(SafeFileHandle device, string mountPoint, FuseMountOptions options)
    {
        int descriptor = (int)device.DangerousGetHandle();
        int result = NativeMethods.Mount(options.Source, mountPoint, $"fuse.{options.SubType}", FlagsOf(options), DataOf(descriptor, options));
        Errno error = result < 0 ? NativeMethods.LastErrno() : Errno.None;
        if (error != Errno.None)
        {
            throw new FuseException($"Cannot mount on {mountPoint}.", error);
        }
    }

    private static nuint FlagsOf(FuseMountOptions options) =>
        (options.ReadOnly ? MountFlags.ReadOnly : 0)
        | (options.AllowSetId ? 0 : MountFlags.NoSetId)
        | (options.AllowDevices ? 0 : MountFlags.NoDevices)
        | (options.NoExec ? MountFlags.NoExec : 0)
        | (options.Synchronous ? MountFlags.Synchronous : 0);

    private static string DataOf(int descriptor, FuseMountOptions options)
    {
        string data = $"fd={descriptor},rootmode=40000,user_id={NativeMethods.EffectiveUserId()},group_id={NativeMethods.EffectiveGroupId()}";
        data += options.DefaultPermissions ? ",default_permissions" : "";
        return data + (options.AllowOther ? ",allow_other" : "");
    }
}

/// <summary>Flags of mount(2) and umount2(2) (include/uapi/linux/mount.h).</summary>
internal static class MountFlags
{
    public const nuint ReadOnly = 1;
    public const nuint NoSetId = 2;
    public const nuint NoDevices = 4;
    public const nuint NoExec = 8;

    /// <summary>MS_SYNCHRONOUS.</summary>
    public const nuint Synchronous = 16;

    /// <summary>MNT_FORCE: aborts the FUSE connection, then tries to unmount.</summary>
    public const int UnmountForce = 1;

    /// <summary>MNT_DETACH.</summary>
    public const int UnmountDetach = 2;

    /// <summary>UMOUNT_NOFOLLOW.</summary>
    public const int UnmountNoFollow = 8;
}

/// <summary>Files of /sys by which a process tells the kernel something about a mount.</summary>
internal static class KernelFile
{
    /// <summary>False: this process may not write there (in a container with a read-only /sys, for example), or the mount is gone already.</summary>
    public static bool TryWrite(string path, string value)
    {
        try
        {
            File.WriteAllText(path, value);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}

/// <summary>
/// How far the kernel reads ahead in a mount's files: read_ahead_kb of its backing device (Documentation/ABI/testing/sysfs-class-bdi). INIT can only lower the
/// kernel's own 128 KiB (process_init_reply in fs/fuse/inode.c).
/// </summary>
internal static class ReadAhead
{
    /// <summary>False: this process may not set it, and it stays as it is.</summary>
    public static bool TrySet(uint deviceMinor, int lengthBytes) => KernelFile.TryWrite(
        string.Create(CultureInfo.InvariantCulture, $"/sys/class/bdi/0:{deviceMinor}/read_ahead_kb"), (lengthBytes >> 10).ToString(CultureInfo.InvariantCulture));
}
