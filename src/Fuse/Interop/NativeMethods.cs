using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Interop;

/// <summary>
/// The C library's calls that the runtime has no wrapper for. Each keeps its errno for <see cref="LastErrno"/>; callers ask for it before they do anything else.
/// <see cref="Read"/> and <see cref="Write"/>, which every request needs, save that work: after a failure, and only then, <see cref="RawErrno"/> has theirs.
/// None suppresses the GC transition, since nearly all of them may block.
/// </summary>
internal static unsafe partial class NativeMethods
{
    private const string Libc = "libc";

    [LibraryImport(Libc, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport(Libc, EntryPoint = "read")]
    public static partial nint Read(int fileDescriptor, byte* buffer, nint count);

    [LibraryImport(Libc, EntryPoint = "write")]
    public static partial nint Write(int fileDescriptor, byte* buffer, nint count);

    [LibraryImport(Libc, EntryPoint = "poll")]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport(Libc, EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(SafeFileHandle fileDescriptor, nuint request, void* argument);

    [LibraryImport(Libc, EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(SafeFileHandle fileDescriptor, int command, int argument);

    [LibraryImport(Libc, EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MemfdCreate(string name, uint flags);

    [LibraryImport(Libc, EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Mount(string source, string target, string fileSystemType, nuint flags, string data);

    [LibraryImport(Libc, EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Unmount(string target, int flags);

    [LibraryImport(Libc, EntryPoint = "statfs", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int StatFs(string path, byte* buffer);

    [LibraryImport(Libc, EntryPoint = "socketpair", SetLastError = true)]
    public static partial int SocketPair(int domain, int type, int protocol, int* descriptors);

    [LibraryImport(Libc, EntryPoint = "recvmsg", SetLastError = true)]
    public static partial nint ReceiveMessage(SafeFileHandle socket, MessageHeader* message, int flags);

    [LibraryImport(Libc, EntryPoint = "gettid")]
    public static partial int ThreadId();

    [LibraryImport(Libc, EntryPoint = "geteuid")]
    public static partial uint EffectiveUserId();

    [LibraryImport(Libc, EntryPoint = "getegid")]
    public static partial uint EffectiveGroupId();

    /// <summary>The errno of a <see cref="Read"/> or <see cref="Write"/> that just failed.</summary>
    public static Errno RawErrno() => (Errno)Marshal.GetLastSystemError();

    /// <summary>The errno of the call that this thread made last.</summary>
    public static Errno LastErrno() => (Errno)Marshal.GetLastPInvokeError();
}

/// <summary><c>struct msghdr</c> of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameBytes;
    public IoVector* Vectors;
    public nuint VectorCount;
    public void* Control;
    public nuint ControlBytes;
    public int Flags;
}

/// <summary><c>struct iovec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public void* Base;
    public nuint LengthBytes;
}

/// <summary>A <c>struct cmsghdr</c> that carries one descriptor (SCM_RIGHTS), padded to 24 bytes (CMSG_SPACE).</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct DescriptorControlMessage
{
    /// <summary>CMSG_LEN of one int.</summary>
    public const int LengthWithOneDescriptor = 20;

    public nuint LengthBytes;
    public int Level;
    public int Type;
    public int Descriptor;
}

/// <summary><c>struct pollfd</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    /// <summary>POLLIN.</summary>
    public const short Readable = 1;

    public int Descriptor;
    public short Events;
    public short Returned;
}
