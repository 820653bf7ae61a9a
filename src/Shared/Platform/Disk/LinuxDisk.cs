using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Afs.Platform;

/// <summary>A folder of the machine's disk.</summary>
/// <param name="root">The folder.</param>
/// <param name="descriptorCeiling">
/// No file is opened whose descriptor would be this number or a higher one. The kernel gives the lowest free number, so what is below stays for
/// other uses, which a process can't go on without.
/// </param>
public sealed class LinuxDisk(string root, int descriptorCeiling = int.MaxValue) : IDisk
{
    /// <summary>The folder's absolute path.</summary>
    public string Root { get; } = Path.GetFullPath(root);

    public IDiskFile Open(string name, DiskOpenMode mode)
    {
        string path = Resolve(name);
        int error = FileNames.Open(path, mode, out SafeFileHandle handle);
        if (error != 0)
            throw DiskErrors.FromErrno(name, error);
        if (handle.DangerousGetHandle() >= descriptorCeiling)
        {
            handle.Dispose();
            if (mode == DiskOpenMode.CreateNew)
                FileNames.Remove(path);
            throw new DiskException(DiskFailure.TooManyOpenFiles, $"{name}: {descriptorCeiling} files are open.");
        }
        return new LinuxDiskFile(name, handle);
    }

    public bool Exists(string name) => Path.Exists(Resolve(name));

    public void Rename(string from, string to) => DiskErrors.Translate(from, () => File.Move(Resolve(from), Resolve(to), overwrite: true));

    public bool Delete(string name)
    {
        int error = FileNames.Remove(Resolve(name));
        if (error == 0)
            return true;
        DiskException failure = DiskErrors.FromErrno(name, error);
        return failure.Failure == DiskFailure.NotFound ? false : throw failure;
    }

    public void CreateDirectory(string name) => DiskErrors.Translate(name, () => { Directory.CreateDirectory(Resolve(name)); });

    public IEnumerable<string> List(string directory)
    {
        foreach (string path in DiskErrors.Translate(directory, () => Directory.EnumerateFileSystemEntries(Resolve(directory))))
            yield return Directory.Exists(path) ? Path.GetFileName(path) + '/' : Path.GetFileName(path);
    }

    public void SyncDirectory(string directory)
    {
        int error = StableStorage.SyncDirectory(Resolve(directory));
        if (error != 0)
            throw DiskErrors.FromErrno(directory, error);
    }

    public DiskSpace GetSpace() => DiskErrors.Translate(".", () =>
    {
        var drive = new DriveInfo(Root);
        return new DiskSpace(drive.TotalSize, drive.AvailableFreeSpace);
    });

    /// <summary>Names come from the cores, never from the network; one that leaves the folder is a broken invariant.</summary>
    private string Resolve(string name)
    {
        if (Path.IsPathRooted(name) || name.Split('/').Contains(".."))
            throw new ArgumentException($"'{name}' leaves the folder.", nameof(name));
        return Path.Combine(Root, name);
    }
}

internal sealed class LinuxDiskFile(string name, SafeFileHandle handle) : IDiskFile
{
    public SafeFileHandle Handle => handle;

    public long LengthBytes => RandomAccess.GetLength(handle);

    public int Read(long offset, Span<byte> destination)
    {
        int total = 0;
        try
        {
            while (total < destination.Length)
            {
                int count = RandomAccess.Read(handle, destination[total..], offset + total);
                if (count == 0)
                    break;
                total += count;
            }
        }
        catch (IOException e)
        {
            throw DiskErrors.From(name, e);
        }
        return total;
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        try
        {
            RandomAccess.Write(handle, data, offset);
        }
        catch (IOException e)
        {
            throw DiskErrors.From(name, e);
        }
    }

    public void SetLength(long lengthBytes)
    {
        try
        {
            RandomAccess.SetLength(handle, lengthBytes);
        }
        catch (ArgumentException e) when (lengthBytes >= 0)
        {
            // The framework's word for EFBIG: the filesystem has no files so long.
            throw new DiskException(DiskFailure.Failed, $"{name}: a length of {lengthBytes} bytes is too much for the disk.", e);
        }
        catch (IOException e)
        {
            throw DiskErrors.From(name, e);
        }
    }

    public DataRun NextData(long offset) => FileExtents.NextData(name, handle, offset, LengthBytes);

    public void CopyFrom(IDiskFile source, long offset, long countBytes)
    {
        long copied = source.Handle is { } from ? FileExtents.Copy(name, from, handle, offset, countBytes) : 0;
        if (copied < countBytes)
            PlainCopy.Run(source, this, offset + copied, countBytes - copied);
    }

    public void BeginWriteback(long offset, long countBytes) => FileExtents.BeginWriteback(name, handle, offset, countBytes);

    public void CheckWritten() => FileExtents.CheckWritten(name, handle);

    public void Sync()
    {
        int error = StableStorage.SyncFile(handle);
        if (error != 0)
            throw DiskErrors.FromErrno(name, error);
    }

    public void Dispose() => handle.Dispose();
}

/// <summary>
/// fsync(2). The framework has none of folders, and its own of files takes EROFS, EINVAL and ENOTSUP for success (RandomAccess.FlushToDisk). A filesystem whose
/// journal was aborted says EROFS: what was written is lost.
/// </summary>
internal static partial class StableStorage
{
    private const int O_RDONLY = 0, O_DIRECTORY = 0x10000, O_CLOEXEC = 0x80000;
    private const int EINTR = 4, EIO = 5;

    /// <summary>A folder's names. Zero, or the errno.</summary>
    public static int SyncDirectory(string path)
    {
        int descriptor = Open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0)
            return LastError();
        int error = Sync(descriptor);
        _ = Close(descriptor);
        return error;
    }

    /// <summary>A file's content and length. Zero, or the errno.</summary>
    public static int SyncFile(SafeFileHandle file)
    {
        bool isHeld = false;
        try
        {
            file.DangerousAddRef(ref isHeld);
            return Sync((int)file.DangerousGetHandle());
        }
        finally
        {
            if (isHeld)
                file.DangerousRelease();
        }
    }

    private static int Sync(int descriptor)
    {
        while (Fsync(descriptor) != 0)
        {
            if (LastError() is not EINTR and int error)
                return error;
        }
        return 0;
    }

    /// <summary>Of a call that failed: never zero.</summary>
    private static int LastError() => Marshal.GetLastPInvokeError() is not 0 and int error ? error : EIO;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
