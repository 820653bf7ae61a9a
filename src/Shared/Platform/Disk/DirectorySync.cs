using System.Runtime.InteropServices;

namespace Afs.Platform;

/// <summary>fsync of a folder, which the framework doesn't offer.</summary>
internal static partial class DirectorySync
{
    private const int O_RDONLY = 0, O_DIRECTORY = 0x10000, O_CLOEXEC = 0x80000;

    /// <summary>Zero, or the errno.</summary>
    public static int Sync(string path)
    {
        int descriptor = Open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0)
            return Marshal.GetLastSystemError();
        int error = Fsync(descriptor) == 0 ? 0 : Marshal.GetLastSystemError();
        _ = Close(descriptor);
        return error;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
