using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Mounting;

/// <summary>
/// Mounts through the set-uid helper fusermount3, for users without CAP_SYS_ADMIN. The helper opens /dev/fuse, mounts, and
/// hands the descriptor over a socket whose number it finds in _FUSE_COMMFD.
/// </summary>
internal static class FusermountMount
{
    private const string Helper = "fusermount3";
    private const string SocketVariable = "_FUSE_COMMFD";

    public static SafeFileHandle Mount(string mountPoint, FuseMountOptions options)
    {
        using DescriptorChannel channel = DescriptorChannel.Open();
        var start = new ProcessStartInfo(Helper, ["-o", OptionsOf(options), "--", mountPoint]) { RedirectStandardError = true };
        start.Environment[SocketVariable] = channel.RemoteDescriptor.ToString(CultureInfo.InvariantCulture);
        (int exitCode, string message) = Run(start);
        SafeFileHandle? device = channel.TryReceive();
        if (exitCode != 0 || device is null)
        {
            device?.Dispose();
            // It tells in words alone. A mount point that can't be one was refused before: this user may not mount there, or so.
            throw new FuseException($"{Helper} could not mount on {mountPoint}: {message}", Errno.EPERM);
        }

        return device;
    }

    /// <summary><c>fusermount3 -u</c>; what it says on failure becomes EBUSY where it says so, else EPERM.</summary>
    public static Errno Unmount(string mountPoint, bool isLazy)
    {
        string[] arguments = isLazy ? ["-u", "-z", "--", mountPoint] : ["-u", "--", mountPoint];
        (int exitCode, string message) = Run(new ProcessStartInfo(Helper, arguments) { RedirectStandardError = true });
        if (exitCode == 0)
        {
            return Errno.None;
        }

        return message.Contains("busy", StringComparison.OrdinalIgnoreCase) ? Errno.EBUSY : Errno.EPERM;
    }

    internal static string OptionsOf(FuseMountOptions options)
    {
        var text = new StringBuilder(options.ReadOnly ? "ro" : "rw");
        Append(text, options.NoSetId, ",nosuid");
        Append(text, options.NoDevices, ",nodev");
        Append(text, options.NoExec, ",noexec");
        Append(text, options.AllowOther, ",allow_other");
        Append(text, options.DefaultPermissions, ",default_permissions");
        return text.Append(",fsname=").Append(Escape(options.Source)).Append(",subtype=").Append(Escape(options.SubType)).ToString();
    }

    private static void Append(StringBuilder text, bool isSet, string option) => text.Append(isSet ? option : "");

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);

    private static (int ExitCode, string Message) Run(ProcessStartInfo start)
    {
        try
        {
            using Process process = Process.Start(start) ?? throw new FuseException($"{Helper} did not start.", Errno.None);
            string message = process.StandardError.ReadToEnd().Trim();
            process.WaitForExit();
            return (process.ExitCode, message);
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new FuseException($"Cannot run {Helper}; it comes with the package fuse3.", (Errno)exception.NativeErrorCode);
        }
    }
}
