namespace Afs.Venus.Hosting;

/// <summary>Paths of mounts, in the one form in which they name a daemon.</summary>
internal static class MountedPath
{
    /// <summary>Absolute, without a slash at its end, and without a link at its end.</summary>
    public static string Normalize(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return new FileInfo(full).LinkTarget is null ? full : Path.TrimEndingDirectorySeparator(Path.GetFullPath(new DirectoryInfo(full).ResolveLinkTarget(returnFinalTarget: true)!.FullName));
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
