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
        int error = DirectorySync.Sync(Resolve(directory));
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
