using Afs.Platform;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Metadata.Sqlite;

namespace Afs.Vice.Hosting.Data;

/// <summary>A server's data on disk, locked against every other process that would write to it. docs/disk-format.md.</summary>
public sealed class DataFolder : IDisposable
{
    public const string DatabaseName = "metadata.db";

    private const string LockName = "lock";

    private readonly FileStream _lock;

    private DataFolder(string path, FileStream @lock, SqliteMetadataStore metadata)
    {
        (_lock, Metadata) = (@lock, metadata);
        Disk = new LinuxDisk(path);
    }

    public SqliteMetadataStore Metadata { get; }

    public IDisk Disk { get; }

    /// <param name="mayCreate">False: it must be there already.</param>
    /// <exception cref="StartException">It can't be used.</exception>
    public static DataFolder Open(string path, bool mayCreate)
    {
        path = Path.GetFullPath(path);
        if (!mayCreate && !File.Exists(Path.Combine(path, DatabaseName)))
            throw new StartException($"{path} holds no server's data.");
        FileStream held = Lock(path);
        try
        {
            return new DataFolder(path, held, SqliteMetadataStore.Open(Path.Combine(path, DatabaseName)));
        }
        catch (StorageException e)
        {
            held.Dispose();
            throw new StartException(Explain(path, e), e);
        }
    }

    public void Dispose()
    {
        Metadata.Dispose();
        _lock.Dispose();
    }

    /// <summary>One line that says what to do about a store that fails.</summary>
    public static string Explain(string path, StorageException e) => e.Failure switch
    {
        StorageFailure.Corrupt => $"The metadata in {path} is damaged. Run vice salvage --data {path}. ({e.Message})",
        StorageFailure.NewerFormat => $"The data in {path} was written by a newer vice. ({e.Message})",
        StorageFailure.NoSpace => $"There is no room on the disk of {path}.",
        StorageFailure.NoPermission => $"No permission to use {path}. ({e.Message})",
        StorageFailure.InUse => $"The metadata in {path} is in use by another program.",
        _ => $"The metadata in {path} can't be used. ({e.Message})",
    };

    private static FileStream Lock(string path)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException();
        try
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return new FileStream(Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StartException($"No permission to use {path}.", e);
        }
        catch (IOException e) when (File.Exists(Path.Combine(path, LockName)))
        {
            throw new StartException($"{path} is in use by another vice.", e);
        }
        catch (IOException e)
        {
            throw new StartException($"Cannot use {path}: {e.Message}", e);
        }
    }
}
