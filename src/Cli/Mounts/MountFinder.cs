namespace Afs.Cli;

/// <summary>Finds mounts: those of this user, and those that root made for all.</summary>
internal static class MountFinder
{
    private static IEnumerable<string> Folders => new[] { ControlSocket.Folder(), ControlSocket.SystemFolder }.Distinct();

    /// <summary>All of them, also those whose daemon died.</summary>
    public static IEnumerable<Mount> All() => Folders.SelectMany(ControlSocket.AllIn).Select(static socket => new Mount(socket));

    /// <summary>The mount that a path lies in, or all mounts where there is no path.</summary>
    /// <exception cref="ControlException">It lies in none.</exception>
    public static IEnumerable<Mount> AllOrOf(string? path) => path is null ? All() : [Find(path).Mount];

    /// <summary>Links on the way are followed; the last name stands for itself, unless it is a link to a place in a mount from outside of any.</summary>
    /// <exception cref="ControlException">It lies in no mount.</exception>
    public static MountedFile Find(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return TryFind(Resolve(full)) ?? TryFind(RealPath.Of(full) ?? full)
            ?? throw new ControlException(ExitCode.NotMounted, $"{path} is in no mount of Afs.");
    }

    /// <summary>Several paths of one mount.</summary>
    /// <exception cref="ControlException">One lies in no mount, or they lie in different ones.</exception>
    public static (Mount Mount, IReadOnlyList<string> Paths) FindAll(IReadOnlyList<string> paths)
    {
        MountedFile[] files = [.. paths.Select(Find)];
        if (files.Any(file => file.Mount != files[0].Mount))
            throw new ControlException(ExitCode.Usage, "The paths lie in different mounts; name those of one mount at a time.");
        return (files[0].Mount, [.. files.Select(static file => file.Path)]);
    }

    private static string Resolve(string full)
    {
        string? folder = Path.GetDirectoryName(full);
        return folder is not null && RealPath.Of(folder) is { } real ? Path.Join(real, Path.GetFileName(full)) : full;
    }

    private static MountedFile? TryFind(string full)
    {
        for (string? folder = full; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            foreach (string sockets in Folders)
            {
                string socket = ControlSocket.PathIn(sockets, folder);
                if (File.Exists(socket))
                    return new MountedFile(new Mount(socket), full[folder.Length..].TrimStart('/'));
            }
        }
        return null;
    }
}
