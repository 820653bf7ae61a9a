using Afs.Fuse.Interop;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Mounting;

/// <summary>
/// A socket pair over which a child process hands one descriptor to this one. The child's end is not closed on exec, as
/// the child must inherit it; it lives only as long as this object.
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
