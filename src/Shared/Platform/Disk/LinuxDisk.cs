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

    public IDiskFile Open(string name, DiskOpenMode mode) => DiskErrors.Translate(name, () =>
    {
        (FileMode fileMode, FileAccess access) = mode switch
        {
            DiskOpenMode.Read => (FileMode.Open, FileAccess.Read),
            DiskOpenMode.ReadWrite => (FileMode.Open, FileAccess.ReadWrite),
            DiskOpenMode.CreateNew => (FileMode.CreateNew, FileAccess.ReadWrite),
            _ => (FileMode.OpenOrCreate, FileAccess.ReadWrite),
        };
        string path = Resolve(name);
        SafeFileHandle handle = File.OpenHandle(path, fileMode, access, FileShare.ReadWrite | FileShare.Delete);
        if (handle.DangerousGetHandle() >= descriptorCeiling)
        {
            handle.Dispose();
            if (mode == DiskOpenMode.CreateNew)
                File.Delete(path);
            throw new DiskException(DiskFailure.TooManyOpenFiles, $"{name}: {descriptorCeiling} files are open.");
        }
        return (IDiskFile)new LinuxDiskFile(name, handle);
    });

    public bool Exists(string name) => Path.Exists(Resolve(name));

    public void Rename(string from, string to) => DiskErrors.Translate(from, () => File.Move(Resolve(from), Resolve(to), overwrite: true));

    public bool Delete(string name) => DiskErrors.Translate(name, () =>
    {
        string path = Resolve(name);
        if (!File.Exists(path))
            return false;
        File.Delete(path);
        return true;
    });

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
