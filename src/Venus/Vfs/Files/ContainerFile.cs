using System.Runtime.InteropServices;
using Afs.Fuse;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Vfs;

/// <summary>System calls on a container that the framework lacks, or whose errno an application must see as it is.</summary>
internal static partial class ContainerFile
{
    public const uint SeekData = 3;
    public const uint SeekHole = 4;

    private const int OpenReadOnly = 0, OpenCloseOnExec = 0x80000;

    /// <summary>Another descriptor of the same file, for reading only, also where its name is gone (proc(5), /proc/pid/fd).</summary>
    public static FuseResult<SafeFileHandle> ReopenForReading(SafeFileHandle container)
    {
        int descriptor = Open($"/proc/self/fd/{container.DangerousGetHandle()}", OpenReadOnly | OpenCloseOnExec);
        return descriptor < 0 ? (Errno)Marshal.GetLastPInvokeError() : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    public static Errno SetLength(SafeFileHandle container, long lengthBytes) => ToErrno(FTruncate(container, lengthBytes));

    public static Errno Allocate(SafeFileHandle container, uint mode, long offset, long lengthBytes) =>
        ToErrno(FAllocate(container, (int)mode, offset, lengthBytes));

    public static FuseResult<long> Seek(SafeFileHandle container, long offset, uint whence) =>
        ToResult(LSeek(container, offset, (int)whence));

    public static FuseResult<long> Copy(SafeFileHandle from, long fromOffset, SafeFileHandle to, long toOffset, long lengthBytes) =>
        ToResult(CopyFileRange(from, ref fromOffset, to, ref toOffset, (nint)lengthBytes, 0));

    public static FuseResult<int> Read(SafeFileHandle container, Span<byte> destination, long offset)
    {
        int total = 0;
        while (total < destination.Length)
        {
            nint count = PRead(container, ref MemoryMarshal.GetReference(destination[total..]), destination.Length - total, offset + total);
            if (count < 0)
                return (Errno)Marshal.GetLastPInvokeError();
            if (count == 0)
                break;
            total += (int)count;
        }

        return total;
    }

    /// <summary>All of it, or the count that was written before the disk refused.</summary>
    public static FuseResult<int> Write(SafeFileHandle container, ReadOnlySpan<byte> data, long offset)
    {
        int total = 0;
        while (total < data.Length)
        {
            nint count = PWrite(container, ref MemoryMarshal.GetReference(data[total..]), data.Length - total, offset + total);
            if (count < 0)
                return total > 0 ? total : (Errno)Marshal.GetLastPInvokeError();
            total += (int)count;
        }

        return total;
    }

    private static Errno ToErrno(int result) => result < 0 ? (Errno)Marshal.GetLastPInvokeError() : Errno.None;

    private static FuseResult<long> ToResult(long result) => result < 0 ? (Errno)Marshal.GetLastPInvokeError() : result;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int FTruncate(SafeFileHandle file, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FAllocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long LSeek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint CopyFileRange(SafeFileHandle from, ref long fromOffset, SafeFileHandle to, ref long toOffset, nint length, uint flags);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint PRead(SafeFileHandle file, ref byte buffer, nint count, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint PWrite(SafeFileHandle file, ref byte buffer, nint count, long offset);
}
