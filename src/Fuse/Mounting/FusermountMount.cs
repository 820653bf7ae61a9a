using System.Diagnostics;
using System.Globalization;
using System.Text;
using Afs.Fuse.Interop;
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
            // It says why in words alone, for the message. A bad mount point was refused before this: what is left is mostly that this user may not mount there.
            throw new FuseException($"{Helper} could not mount on {mountPoint}: {message}", Errno.EPERM);
        }

        return device;
    }

    /// <summary><c>fusermount3 -u</c>. EBUSY if its message says that the mount is busy; any other failure is EPERM.</summary>
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
        Append(text, !options.AllowSetId, ",nosuid");
        Append(text, !options.AllowDevices, ",nodev");
        Append(text, options.NoExec, ",noexec");
        Append(text, options.Synchronous, ",sync");
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

/// <summary>
/// A socket pair over which a child process hands one descriptor to this one. The child's end is not closed on exec, as
/// the child must inherit it. Both ends live only as long as this object.
/// </summary>
internal sealed class DescriptorChannel : IDisposable
{
    private const int AddressFamilyUnix = 1;
    private const int SocketStream = 1;
    private const int SocketLevel = 1;
    private const int ScmRights = 1;
    private const int FcntlSetDescriptorFlags = 2;
    private const int CloseOnExec = 1;
    private const int MessageDontWait = 0x40;
    private const int MessageCloseOnExec = 0x40000000;

    private readonly SafeFileHandle _local;
    private readonly SafeFileHandle _remote;

    private DescriptorChannel(SafeFileHandle local, SafeFileHandle remote) => (_local, _remote) = (local, remote);

    public int RemoteDescriptor => (int)_remote.DangerousGetHandle();

    public static unsafe DescriptorChannel Open()
    {
        int* ends = stackalloc int[2];
        int result = NativeMethods.SocketPair(AddressFamilyUnix, SocketStream, 0, ends);
        Errno error = result < 0 ? NativeMethods.LastErrno() : Errno.None;
        if (error != Errno.None)
        {
            throw new FuseException("Cannot make a socket pair.", error);
        }

        var channel = new DescriptorChannel(new SafeFileHandle(ends[0], ownsHandle: true), new SafeFileHandle(ends[1], ownsHandle: true));
        NativeMethods.Fcntl(channel._local, FcntlSetDescriptorFlags, CloseOnExec);
        return channel;
    }

    /// <summary>The descriptor that the child sent before it ended; null where it sent none.</summary>
    public unsafe SafeFileHandle? TryReceive()
    {
        byte payload;
        var vector = new IoVector { Base = &payload, LengthBytes = 1 };
        DescriptorControlMessage control = default;
        var message = new MessageHeader
        {
            Vectors = &vector,
            VectorCount = 1,
            Control = &control,
            ControlBytes = (nuint)sizeof(DescriptorControlMessage),
        };
        nint count = NativeMethods.ReceiveMessage(_local, &message, MessageDontWait | MessageCloseOnExec);
        bool hasDescriptor = count > 0
            && message.ControlBytes >= DescriptorControlMessage.LengthWithOneDescriptor
            && control.LengthBytes == DescriptorControlMessage.LengthWithOneDescriptor
            && control.Level == SocketLevel
            && control.Type == ScmRights;
        return hasDescriptor ? new SafeFileHandle(control.Descriptor, ownsHandle: true) : null;
    }

    public void Dispose()
    {
        _local.Dispose();
        _remote.Dispose();
    }
}
