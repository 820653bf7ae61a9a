using Afs.Venus.Vfs;

namespace Afs.Venus.Hosting;

/// <summary>Checks a mount point before anything is started.</summary>
internal static class MountPoint
{
    /// <exception cref="HostingException">It can't be mounted on; the message says why.</exception>
    public static void Check(string path, bool force)
    {
        if (KernelMount.IsStale(path))
            TakeAwayStale(path, force);
        if (File.Exists(path))
            throw new HostingException(ExitCode.BadMountPoint, $"{path} is not a folder.");
        if (!Directory.Exists(path))
            throw new HostingException(ExitCode.BadMountPoint, $"{path} does not exist.");
        if (!IsEmpty(path))
            throw new HostingException(ExitCode.BadMountPoint, $"{path} is not empty, or something is mounted there.");
        if (!File.Exists("/dev/fuse"))
            throw new HostingException(ExitCode.NoFuse, "There is no /dev/fuse: load the fuse module, or give the container the device.");
    }

    private static void TakeAwayStale(string path, bool force)
    {
        if (!force)
            throw new HostingException(ExitCode.StaleMount, $"At {path} stands a mount whose daemon died; --force takes it away.");
        if (!KernelMount.TryTakeAwayStale(path))
            throw new HostingException(ExitCode.StaleMount, $"The stale mount at {path} can't be taken away.");
    }

    private static bool IsEmpty(string path)
    {
        try
        {
            return !Directory.EnumerateFileSystemEntries(path).Any();
        }
        catch (UnauthorizedAccessException e)
        {
            throw new HostingException(ExitCode.NoPermission, $"{path} can't be read.", e);
        }
        catch (IOException e)
        {
            throw new HostingException(ExitCode.BadMountPoint, $"{path} can't be read: {e.Message}", e);
        }
    }
}
