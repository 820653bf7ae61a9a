namespace Afs.Fuse.Mounting;

/// <summary>Brings a mount point into the form that the mount table shows.</summary>
internal static class MountPointPath
{
    /// <exception cref="FuseException">It doesn't exist, is no directory, or is a mount whose daemon died.</exception>
    public static string Resolve(string mountPoint)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(mountPoint));
        if (StaleMount.IsStale(full))
        {
            throw new FuseException($"{full} is a mount whose daemon died; unmount it first (umount -l).", Errno.ENOTCONN);
        }

        var folder = new DirectoryInfo(full);
        if (!folder.Exists)
        {
            throw new FuseException($"{full} is not a directory.", Errno.ENOTDIR);
        }

        return folder.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? full;
    }
}
