using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Afs.Platform;

/// <summary>System calls on the extents of files: lseek(2) for data and holes, copy_file_range(2), sync_file_range(2).</summary>
internal static partial class FileExtents
{
    private const int SeekData = 3, SeekHole = 4;
    private const uint SyncFileRangeWrite = 2;
    private const int ENXIO = 6, EXDEV = 18, EINVAL = 22, ENOSYS = 38, EOPNOTSUPP = 95;

    /// <summary>The next data; empty where there is none. A filesystem that knows no holes says that all is data.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static DataRun NextData(string name, SafeFileHandle file, long offset, long lengthBytes)
    {
        if (offset >= lengthBytes)
            return new DataRun(lengthBytes, lengthBytes);
        long start = Seek(file, offset, SeekData);
        if (start < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            return error == ENXIO ? new DataRun(lengthBytes, lengthBytes) : throw DiskErrors.FromErrno(name, error);
        }
        long end = Seek(file, start, SeekHole);
        return end >= 0 ? new DataRun(start, end) : throw DiskErrors.FromErrno(name, Marshal.GetLastPInvokeError());
    }

    /// <summary>How much was copied; less than asked for where the two files' disks can't copy between them.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static long Copy(string name, SafeFileHandle source, SafeFileHandle target, long offset, long countBytes)
    {
        long copied = 0;
        while (copied < countBytes)
        {
            long from = offset + copied, to = from;
            nint count = CopyFileRange(source, ref from, target, ref to, (nint)(countBytes - copied), 0);
            if (count == 0)
                break;
            if (count < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                if (error is EXDEV or EINVAL or ENOSYS or EOPNOTSUPP)
                    break;
                throw DiskErrors.FromErrno(name, error);
            }
            copied += count;
        }
        return copied;
    }

    /// <exception cref="DiskException">The disk failed.</exception>
    public static void BeginWriteback(string name, SafeFileHandle file, long offset, long countBytes)
    {
        // A count of zero would mean all.
        if (countBytes > 0 && SyncFileRange(file, offset, countBytes, SyncFileRangeWrite) != 0)
            throw DiskErrors.FromErrno(name, Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    private static partial int SyncFileRange(SafeFileHandle file, long offset, long countBytes, uint flags);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint CopyFileRange(SafeFileHandle from, ref long fromOffset, SafeFileHandle to, ref long toOffset, nint count, uint flags);
}
