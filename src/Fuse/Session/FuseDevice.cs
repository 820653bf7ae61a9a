using Afs.Fuse.Abi;
using Afs.Fuse.Interop;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Session;

/// <summary>
/// The descriptor of /dev/fuse, opened once and shared by all threads of the session. Reads and replies use it bare: the
/// session closes it only after the last reader has ended and the last pending request was answered. Notifications may
/// come at any time, and hold it open for their own length.
/// </summary>
internal sealed class FuseDevice(SafeFileHandle handle) : IDisposable
{
    private const nuint BackingOpenRequest = 0x4010E501;
    private const nuint BackingCloseRequest = 0x4004E502;
    private const int FcntlDuplicateCloseOnExec = 1030;

    private readonly int _descriptor = (int)handle.DangerousGetHandle();

    /// <summary>Waits for one request. On failure the count is zero. ENODEV: unmounted; so is the end of what isn't /dev/fuse.</summary>
    public unsafe Errno Read(Span<byte> frame, out int frameBytes)
    {
        nint count;
        fixed (byte* start = frame)
        {
            count = NativeMethods.Read(_descriptor, start, frame.Length);
        }

        Errno error = count < 0 ? NativeMethods.LastErrno() : Errno.None;
        frameBytes = Math.Max(0, (int)count);
        return count == 0 ? Errno.ENODEV : error;
    }

    /// <summary>A read would not wait, for there is a request, or none will come any more. Doesn't wait itself.</summary>
    public unsafe bool HasRequest()
    {
        var look = new PollDescriptor { Descriptor = _descriptor, Events = PollDescriptor.Readable };
        return NativeMethods.Poll(&look, 1, 0) > 0;
    }

    /// <summary>Writes one reply. ENOENT: the kernel no longer waits for it.</summary>
    public unsafe Errno Write(ReadOnlySpan<byte> frame)
    {
        nint count;
        fixed (byte* start = frame)
        {
            count = NativeMethods.Write(_descriptor, start, frame.Length);
        }

        return count < 0 ? NativeMethods.LastErrno() : Errno.None;
    }

    /// <summary>Writes one notification; ENODEV after the session's end.</summary>
    public Errno Notify(ReadOnlySpan<byte> frame)
    {
        bool added = false;
        try
        {
            handle.DangerousAddRef(ref added);
            return Write(frame);
        }
        catch (ObjectDisposedException)
        {
            return Errno.ENODEV;
        }
        finally
        {
            if (added)
            {
                handle.DangerousRelease();
            }
        }
    }

    /// <summary>FUSE_DEV_IOC_BACKING_OPEN.</summary>
    public unsafe FuseResult<BackingId> OpenBacking(int fileDescriptor)
    {
        if (handle.IsClosed)
        {
            return Errno.ENODEV;
        }

        var map = new FuseBackingMap(fileDescriptor, 0, 0);
        int id = NativeMethods.Ioctl(handle, BackingOpenRequest, &map);
        Errno error = id < 0 ? NativeMethods.LastErrno() : Errno.None;
        return error == Errno.None ? new BackingId(id) : error;
    }

    /// <summary>FUSE_DEV_IOC_BACKING_CLOSE.</summary>
    public unsafe Errno CloseBacking(BackingId backing)
    {
        if (handle.IsClosed)
        {
            return Errno.ENODEV;
        }

        uint id = (uint)backing.Value;
        int result = NativeMethods.Ioctl(handle, BackingCloseRequest, &id);
        return result < 0 ? NativeMethods.LastErrno() : Errno.None;
    }

    /// <summary>A second descriptor of the same connection, closed on exec, for a supervisor to keep.</summary>
    public SafeFileHandle Duplicate()
    {
        int copy = NativeMethods.Fcntl(handle, FcntlDuplicateCloseOnExec, 0);
        Errno error = copy < 0 ? NativeMethods.LastErrno() : Errno.None;
        return error == Errno.None ? new SafeFileHandle(copy, ownsHandle: true) : throw new FuseException("Cannot duplicate the FUSE descriptor.", error);
    }

    public void Dispose() => handle.Dispose();
}
