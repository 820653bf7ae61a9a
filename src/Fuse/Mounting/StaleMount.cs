using Afs.Fuse.Interop;
using Afs.Fuse.Mounting;

namespace Afs.Fuse;

/// <summary>Mount points whose daemon died: every use of them says "Transport endpoint is not connected" (ENOTCONN).</summary>
public static class StaleMount
{
    /// <summary>Enough for <c>struct statfs</c>, which has 120 bytes.</summary>
    private const int StatFsBytes = 256;

    /// <summary>
    /// True if a FUSE mount is at the path and its connection has ended. It asks the mount for STATFS: if the daemon lives and
    /// doesn't answer, this waits.
    /// </summary>
    public static unsafe bool IsStale(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (MountTable.Find(full) is not { IsFuse: true })
        {
            return false;
        }

        byte* buffer = stackalloc byte[StatFsBytes];
        int result = NativeMethods.StatFs(full, buffer);
        Errno error = result < 0 ? NativeMethods.LastErrno() : Errno.None;
        return error == Errno.ENOTCONN;
    }

    /// <summary>Takes a stale mount away, even if files of it are open. <see cref="Errno.None"/> also if there was none.</summary>
    public static Errno DetachIfStale(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return IsStale(full) ? Mounter.Unmount(full, isLazy: true) : Errno.None;
    }
}
