using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Afs.Platform;

/// <summary>
/// open(2) and unlink(2) as they are. The framework's asks for the file's kind, its filesystem and an advisory lock at each open, and
/// whether the file is there at each removal: five system calls more for a file of the cache.
/// </summary>
internal static partial class FileNames
{
    private const int ReadOnly = 0, ReadWrite = 2, Create = 0x40, Exclusive = 0x80, CloseOnExec = 0x80000;

    /// <summary>Read and write for the owner.</summary>
    private const uint NewFileMode = 0x180;

    private const int EINTR = 4;

    /// <summary>O_NOFOLLOW of fcntl.h: a name of ours that is a symlink was put there by somebody else. Its value is not that of x86 on ARM.</summary>
    private static readonly int NoFollow = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x8000 : 0x20000;

    /// <summary>Zero, or the errno.</summary>
    public static int Open(string path, DiskOpenMode mode, out SafeFileHandle handle)
    {
        int flags = CloseOnExec | NoFollow | mode switch
        {
            DiskOpenMode.Read => ReadOnly,
            DiskOpenMode.ReadWrite => ReadWrite,
            DiskOpenMode.CreateNew => ReadWrite | Create | Exclusive,
            _ => ReadWrite | Create,
        };
        int descriptor, error;
        do
        {
            descriptor = OpenCall(path, flags, NewFileMode);
            error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
        while (error == EINTR);

        handle = new SafeFileHandle(descriptor, ownsHandle: true);
        return error;
    }

    /// <summary>Zero, or the errno.</summary>
    public static int Remove(string path) => UnlinkCall(path) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenCall(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkCall(string path);
}
