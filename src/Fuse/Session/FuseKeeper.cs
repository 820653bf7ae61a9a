using Afs.Fuse.Interop;
using Afs.Fuse.Mounting;
using Afs.Fuse.Protocol;
using Afs.Fuse.Session;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse;

/// <summary>
/// The supervisor's end of a mount that outlives its daemons: a descriptor of /dev/fuse that child processes inherit. The first of them
/// mounts on it (<see cref="FuseSession.Mount"/>), each later one takes the mount over (<see cref="FuseSession.Resume"/>). While none
/// lives, requests wait and can't be killed: whoever keeps the descriptor starts another soon, or calls <see cref="Abort"/>.
/// </summary>
public sealed class FuseKeeper : IDisposable
{
    private const int FcntlSetDescriptorFlags = 2, CloseOnExec = 1;

    private readonly SafeFileHandle _device;

    private FuseKeeper(SafeFileHandle device) => _device = device;

    /// <summary>The number under which a child finds it.</summary>
    public int Descriptor => (int)_device.DangerousGetHandle();

    /// <exception cref="FuseException">There is no /dev/fuse, or this process may not use it.</exception>
    public static FuseKeeper Open()
    {
        SafeFileHandle device = DirectMount.OpenDevice();
        NativeMethods.Fcntl(device, FcntlSetDescriptorFlags, 0);
        return new FuseKeeper(device);
    }

    /// <summary>The child's side: the descriptor that it inherited, closed on exec from here on.</summary>
    public static SafeFileHandle TakeInherited(int descriptor)
    {
        var device = new SafeFileHandle(descriptor, ownsHandle: true);
        NativeMethods.Fcntl(device, FcntlSetDescriptorFlags, CloseOnExec);
        return device;
    }

    /// <summary>What tells the mount at a path from any other; null where nothing is mounted exactly there.</summary>
    /// <param name="mountPoint">Absolute, without links.</param>
    public static uint? FindConnection(string mountPoint) => MountTable.Find(mountPoint)?.DeviceMinor;

    /// <summary>Every name is looked up again, which waits for the next daemon: nobody breaks the dead one's promises any more. Nothing before Linux 6.16.</summary>
    public void InvalidateNames()
    {
        Span<byte> frame = stackalloc byte[NotificationWriter.MaxBytes];
        new FuseDevice(_device).Notify(frame[..NotificationWriter.IncrementEpoch(frame)]);
    }

    /// <summary>Ends the connection, so that nothing waits for it any longer, and takes the mount away.</summary>
    public static Errno Abort(string mountPoint, uint connection) => Mounter.Abort(mountPoint, connection);

    public void Dispose() => _device.Dispose();
}
