using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Afs.Platform;

/// <summary>
/// One folder of a disk, and all that the cores do to it. Names are relative, with '/' between parts.
/// What was written is on stable storage only after <see cref="IDiskFile.Sync"/>, and a name only after
/// <see cref="SyncDirectory"/>; a crash before may keep all, some or nothing of it. Failures throw <see cref="DiskException"/>.
/// Safe for concurrent use.
/// </summary>
public interface IDisk
{
    IDiskFile Open(string name, DiskOpenMode mode);

    bool Exists(string name);

    /// <summary>Atomically; an existing target is replaced.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a file. False: there was none.</summary>
    bool Delete(string name);

    /// <summary>Makes a folder and its parents, where missing.</summary>
    void CreateDirectory(string name);

    /// <summary>The names in a folder, without their path, in no order; folders end with '/'.</summary>
    IEnumerable<string> List(string directory);

    void SyncDirectory(string directory);

    DiskSpace GetSpace();
}

/// <summary>How to open a file. None of them truncates.</summary>
public enum DiskOpenMode
{
    Read,
    ReadWrite,

    /// <summary>Fails where the name exists.</summary>
    CreateNew,
    OpenOrCreate,
}

/// <summary>Room on a disk, in bytes, as an ordinary process may use it.</summary>
public readonly record struct DiskSpace(long TotalBytes, long FreeBytes);

/// <summary>An open file. Safe for concurrent reads and writes at different offsets.</summary>
public interface IDiskFile : IDisposable
{
    long LengthBytes { get; }

    /// <summary>Reads until the buffer is full or the file ends; the count.</summary>
    int Read(long offset, Span<byte> destination);

    void Write(long offset, ReadOnlySpan<byte> data);

    void SetLength(long lengthBytes);

    /// <summary>The next bytes at or behind an offset that aren't a hole; empty at the end where there are none. A disk without holes has data everywhere.</summary>
    DataRun NextData(long offset) => new(Math.Min(offset, LengthBytes), LengthBytes);

    /// <summary>Copies bytes of another file to the same offset; shares their blocks where the disk can (copy_file_range). Holes become zeros.</summary>
    void CopyFrom(IDiskFile source, long offset, long countBytes) => PlainCopy.Run(source, this, offset, countBytes);

    /// <summary>
    /// Begins to write this range to the disk, so that a later <see cref="Sync"/> finds little left (sync_file_range(2)). It promises nothing. May take as
    /// long as the disk's queue is full.
    /// </summary>
    void BeginWriteback(long offset, long countBytes)
    {
    }

    /// <summary>The content and length are on stable storage when this returns (fsync).</summary>
    void Sync();

    /// <summary>
    /// Throws where something that was written to the file, by whomever, got lost on its way to the disk: since this was opened, or before, if nobody was told. Once.
    /// What is read after such a loss may be older than what was written. Waits for no disk. Whoever passes a file on passes this on too.
    /// </summary>
    /// <exception cref="DiskException">Some of it is lost.</exception>
    void CheckWritten();

    /// <summary>The descriptor, for passthrough and system calls; null on a disk that isn't real.</summary>
    SafeFileHandle? Handle { get; }
}

/// <summary>Why a disk operation failed.</summary>
public enum DiskFailure
{
    /// <summary>The disk itself failed, or something unforeseen.</summary>
    Failed,
    NoSpace,
    NotFound,
    Exists,
    NoPermission,
    ReadOnly,
    TooManyOpenFiles,
}

/// <summary>A disk operation that failed. <see cref="Failure"/> says why; the message names the file.</summary>
public sealed class DiskException(DiskFailure failure, string message, Exception? inner = null) : IOException(message, inner)
{
    public DiskFailure Failure { get; } = failure;
}

/// <summary>From the framework's exceptions, whose HResult is the errno on Linux, to <see cref="DiskException"/>.</summary>
internal static class DiskErrors
{
    private const int EACCES = 13, EEXIST = 17, ENFILE = 23, EMFILE = 24, ENOENT = 2, ENOSPC = 28, EPERM = 1, EROFS = 30, EDQUOT = 122;

    public static T Translate<T>(string name, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is not DiskException and (IOException or UnauthorizedAccessException))
        {
            throw From(name, e);
        }
    }

    public static void Translate(string name, Action action) => Translate(name, () =>
    {
        action();
        return true;
    });

    public static DiskException From(string name, Exception e) => e switch
    {
        DiskException already => already,
        FileNotFoundException or DirectoryNotFoundException => new(DiskFailure.NotFound, $"{name}: {e.Message}", e),
        UnauthorizedAccessException => new(DiskFailure.NoPermission, $"{name}: {e.Message}", e),
        _ => new(FromNumber(e.HResult), $"{name}: {e.Message}", e),
    };

    public static DiskException FromErrno(string name, int errno) => new(FromNumber(errno), $"{name}: {Marshal.GetPInvokeErrorMessage(errno)}");

    private static DiskFailure FromNumber(int errno) => errno switch
    {
        ENOSPC or EDQUOT => DiskFailure.NoSpace,
        ENOENT => DiskFailure.NotFound,
        EEXIST => DiskFailure.Exists,
        EACCES or EPERM => DiskFailure.NoPermission,
        EROFS => DiskFailure.ReadOnly,
        EMFILE or ENFILE => DiskFailure.TooManyOpenFiles,
        _ => DiskFailure.Failed,
    };
}
