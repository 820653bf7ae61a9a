namespace Afs.Platform;

/// <summary>
/// One folder of a disk, and all that the cores do to it. Names are relative, with '/' between parts.
/// What was written is on stable storage only after <see cref="IDiskFile.Sync"/>, and a name only after
/// <see cref="SyncDirectory"/>; a crash before may keep all, some or nothing of it. Failures throw <see cref="DiskException"/>.
/// Safe for concurrent use.
/// </summary>
public interface IDisk
{
    IDiskFile Open(string name, DiskOpenMode mode);

    bool Exists(string name);

    /// <summary>Atomically; an existing target is replaced.</summary>
    void Rename(string from, string to);

    /// <summary>Deletes a file. False: there was none.</summary>
    bool Delete(string name);

    /// <summary>Makes a folder and its parents, where missing.</summary>
    void CreateDirectory(string name);

    /// <summary>The names in a folder, without their path, in no order; folders end with '/'.</summary>
    IEnumerable<string> List(string directory);

    void SyncDirectory(string directory);

    DiskSpace GetSpace();
}

/// <summary>How to open a file. None of them truncates.</summary>
public enum DiskOpenMode
{
    Read,
    ReadWrite,

    /// <summary>Fails where the name exists.</summary>
    CreateNew,
    OpenOrCreate,
}

/// <summary>Room on a disk, in bytes, as an ordinary process may use it.</summary>
public readonly record struct DiskSpace(long TotalBytes, long FreeBytes);
