using Afs.CommandLines;

namespace Afs.Venus.Hosting;

/// <summary>Paths of mounts, in the one form in which they name a daemon.</summary>
internal static class MountedPath
{
    /// <summary>Absolute, without a slash at its end, and without a link at its end.</summary>
    /// <exception cref="HostingException">Its links lead nowhere.</exception>
    public static string Normalize(string path)
    {
        try
        {
            string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
            return new FileInfo(full).LinkTarget is null ? full : Path.TrimEndingDirectorySeparator(Path.GetFullPath(new DirectoryInfo(full).ResolveLinkTarget(returnFinalTarget: true)!.FullName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new HostingException(ExitCode.BadMountPoint, $"'{OneLine.Of(path)}' is no path of a folder: {e.Message}", e);
        }
    }

    /// <summary>The mount that a path lies in: the nearest folder above, or itself, that a daemon's socket stands for. Null: none.</summary>
    public static string? FindMountOf(string path)
    {
        for (string? folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(ControlSocket.PathOf(folder)))
                return folder;
        }

        return null;
    }
}
