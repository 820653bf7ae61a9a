using Afs.Fuse.Interop;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Mounting;

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

    /// <summary>Mounts on a device that has no mount yet, and stays the caller's.</summary>
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
        | (options.NoSetId ? MountFlags.NoSetId : 0)
        | (options.NoDevices ? MountFlags.NoDevices : 0)
        | (options.NoExec ? MountFlags.NoExec : 0);

    private static string DataOf(int descriptor, FuseMountOptions options)
    {
        string data = $"fd={descriptor},rootmode=40000,user_id={NativeMethods.EffectiveUserId()},group_id={NativeMethods.EffectiveGroupId()}";
        data += options.DefaultPermissions ? ",default_permissions" : "";
        return data + (options.AllowOther ? ",allow_other" : "");
    }
}
