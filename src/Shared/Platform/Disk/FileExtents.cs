using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Afs.Platform;

/// <summary>System calls on the extents of files: lseek(2) for data and holes, copy_file_range(2), sync_file_range(2), fallocate(2).</summary>
public static partial class FileExtents
{
    private const int SeekData = 3, SeekHole = 4;
    private const uint SyncFileRangeWaitBefore = 1, SyncFileRangeWrite = 2;

    /// <summary>Where no file has a page: nothing is waited for there.</summary>
    private const long BehindAllFiles = 1L << 62;
    private const int ZerosAtATimeBytes = 1 << 16;
    private const int EINTR = 4, ENXIO = 6, EXDEV = 18, EINVAL = 22, ENOSYS = 38, EOPNOTSUPP = 95;

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

    /// <summary>
    /// Asks for what the kernel noted of failed write-backs of the whole file since this descriptor was opened (errseq_t; file_fdatawait_range in
    /// mm/filemap.c), without waiting for any.
    /// </summary>
    /// <exception cref="DiskException">Some write-back failed.</exception>
    public static void CheckWritten(string name, SafeFileHandle file)
    {
        if (SyncFileRange(file, BehindAllFiles, 1, SyncFileRangeWaitBefore) != 0)
            throw DiskErrors.FromErrno(name, Marshal.GetLastPInvokeError());
    }

    /// <summary>
    /// Makes a file longer, with room on the disk for all of the new part: it can be written from here on, by a mapping too, however full the disk gets. A
    /// filesystem that knows no fallocate (ext2) gets zeros written.
    /// </summary>
    /// <exception cref="DiskException">There is no room, or the disk failed; the file may be longer, and has no room where it is.</exception>
    public static void Extend(string name, SafeFileHandle file, long lengthBytes)
    {
        long offset = RandomAccess.GetLength(file);
        if (offset >= lengthBytes)
            return;
        while (FAllocate(file, 0, offset, lengthBytes - offset) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error == EINTR)
                continue;
            if (error is not (EOPNOTSUPP or ENOSYS))
                throw DiskErrors.FromErrno(name, error);
            DiskErrors.Translate(name, () => WriteZeros(file, offset, lengthBytes));
            return;
        }
    }

    private static void WriteZeros(SafeFileHandle file, long offset, long endBytes)
    {
        byte[] zeros = new byte[ZerosAtATimeBytes];
        for (; offset < endBytes; offset += zeros.Length)
            RandomAccess.Write(file, zeros.AsSpan(0, (int)Math.Min(zeros.Length, endBytes - offset)), offset);
    }

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FAllocate(SafeFileHandle file, int mode, long offset, long countBytes);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    private static partial int SyncFileRange(SafeFileHandle file, long offset, long countBytes, uint flags);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint CopyFileRange(SafeFileHandle from, ref long fromOffset, SafeFileHandle to, ref long toOffset, nint count, uint flags);
}

/// <summary>Bytes of a file that are no hole: from the first up to, and without, the end.</summary>
public readonly record struct DataRun(long StartBytes, long EndBytes)
{
    public bool IsEmpty => StartBytes >= EndBytes;
}

/// <summary>All data of a file, without its holes.</summary>
public static class DataRuns
{
    public static IEnumerable<(long Start, long End)> Of(IDiskFile file)
    {
        for (DataRun run = file.NextData(0); !run.IsEmpty; run = file.NextData(run.EndBytes))
            yield return (run.StartBytes, run.EndBytes);
    }
}

/// <summary>Writes to a file where it has nothing yet, and leaves blocks of zeros out: they read as zeros, and take no room.</summary>
public static class SparseWrite
{
    private const int BlockBytes = 65_536;

    /// <summary>Zeros that fill a block of 64 KiB, or the part of it that is given here, are not written. Runs of the others go out in one call.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static void Run(IDiskFile file, long offset, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            int length = RunLength(offset, data, out bool isHole);
            if (!isHole)
                file.Write(offset, data[..length]);
            offset += length;
            data = data[length..];
        }
    }

    private static int RunLength(long offset, ReadOnlySpan<byte> data, out bool isHole)
    {
        int length = BlockAt(offset, data.Length);
        isHole = IsHole(data[..length]);
        while (length < data.Length)
        {
            int next = BlockAt(offset + length, data.Length - length);
            if (IsHole(data.Slice(length, next)) != isHole)
                break;
            length += next;
        }
        return length;
    }

    private static int BlockAt(long offset, int available) => (int)Math.Min(BlockBytes - offset % BlockBytes, available);

    private static bool IsHole(ReadOnlySpan<byte> block) => !block.ContainsAnyExcept((byte)0);
}

/// <summary>Copies from file to file through memory.</summary>
internal static class PlainCopy
{
    private const int BufferBytes = 1 << 18;

    /// <exception cref="DiskException">A disk failed, or the source is too short.</exception>
    public static void Run(IDiskFile source, IDiskFile target, long offset, long countBytes)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(BufferBytes, Math.Max(1, countBytes)));
        for (long end = offset + countBytes; offset < end;)
        {
            int count = source.Read(offset, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset)));
            if (count == 0)
                throw new DiskException(DiskFailure.Failed, $"The file ends at {offset}, {end} bytes were to be copied.");
            target.Write(offset, buffer.AsSpan(0, count));
            offset += count;
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
