using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Afs.Rpc;

/// <summary>
/// The kernel's list of sockets to watch (epoll(7)). Each is watched for one event and then not until it is armed again (EPOLLONESHOT), so
/// that of several threads that wait exactly one gets it. A socket that is closed leaves the list by itself.
/// </summary>
internal sealed partial class EventPoll
{
    private const int CloseOnExec = 0x80000;
    private const int Add = 1;
    private const int Modify = 3;
    private const uint Once = 0x4000_0000; // EPOLLONESHOT
    private const uint Readable = 0x1 | 0x2000; // EPOLLIN, EPOLLRDHUP
    private const uint Writable = 0x4; // EPOLLOUT
    private const uint Ended = 0x8 | 0x10; // EPOLLERR, EPOLLHUP: told whatever is watched for
    private const int EventBytes = 16;
    private const int Interrupted = 4;

    /// <summary>Of the caller's number in struct epoll_event, which is packed on x86-64 alone.</summary>
    private static readonly int NumberOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    private readonly SafeFileHandle _poll = Create();

    /// <summary>Watches for the next time that the socket can be read or written, or has ended.</summary>
    /// <param name="isFirst">It was never armed before.</param>
    /// <param name="number">What <see cref="Wait"/> returns.</param>
    /// <exception cref="ObjectDisposedException">The socket was closed.</exception>
    /// <exception cref="IOException">The kernel refused, e.g. for want of memory.</exception>
    public unsafe void Arm(SafeHandle socket, bool isFirst, ulong number, SocketSides sides)
    {
        Span<byte> wanted = stackalloc byte[EventBytes];
        wanted.Clear();
        MemoryMarshal.Write(wanted, Once | (sides.HasFlag(SocketSides.Reading) ? Readable : 0) | (sides.HasFlag(SocketSides.Writing) ? Writable : 0));
        MemoryMarshal.Write(wanted[NumberOffset..], number);
        fixed (byte* start = wanted)
        {
            if (Control(_poll, isFirst ? Add : Modify, socket, start) != 0)
                throw new IOException($"a socket can't be watched: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Blocks until a socket is ready; its number. Any number of threads at once: each event goes to one of them.</summary>
    /// <param name="sides">Both where the socket has ended.</param>
    public unsafe ulong Wait(out SocketSides sides)
    {
        byte* ready = stackalloc byte[EventBytes];
        while (WaitFor(_poll, ready, 1, -1) != 1)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted)
                throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
        var found = new ReadOnlySpan<byte>(ready, EventBytes);
        uint events = MemoryMarshal.Read<uint>(found);
        sides = ((events & (Readable | Ended)) != 0 ? SocketSides.Reading : 0) | ((events & (Writable | Ended)) != 0 ? SocketSides.Writing : 0);
        return MemoryMarshal.Read<ulong>(found[NumberOffset..]);
    }

    private static SafeFileHandle Create()
    {
        int descriptor = CreatePoll(CloseOnExec);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int CreatePoll(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static unsafe partial int Control(SafeHandle poll, int operation, SafeHandle socket, byte* wanted);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static unsafe partial int WaitFor(SafeHandle poll, byte* ready, int most, int timeoutMs);
}
