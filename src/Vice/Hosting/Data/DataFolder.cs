using Afs.Platform;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Metadata.Sqlite;

namespace Afs.Vice.Hosting.Data;

/// <summary>A server's data on disk, locked against every other process that would write to it. docs/disk-format.md.</summary>
public sealed class DataFolder : IDisposable
{
    public const string DatabaseName = "metadata.db";

    private const string LockName = "lock";

    private readonly FileStream _lock;

    private DataFolder(string path, FileStream @lock, SqliteMetadataStore metadata, int openFiles)
    {
        (_lock, Metadata) = (@lock, metadata);
        Disk = new LinuxDisk(path, openFiles - OpenFileLimit.Reserve);
    }

    public SqliteMetadataStore Metadata { get; }

    public IDisk Disk { get; }

    /// <param name="mayCreate">False: it must be there already.</param>
    /// <param name="openFiles">Descriptors that this process may have.</param>
    /// <exception cref="StartException">It can't be used.</exception>
    public static DataFolder Open(string path, bool mayCreate, int openFiles)
    {
        path = Path.GetFullPath(path);
        if (!mayCreate)
            RequireData(path);
        FileStream held = Lock(path);
        try
        {
            RequireMetadata(path);
            return new DataFolder(path, held, SqliteMetadataStore.Open(Path.Combine(path, DatabaseName)), openFiles);
        }
        catch (StorageException e)
        {
            held.Dispose();
            throw new StartException(Explain(path, e), e);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Metadata.Dispose();
        _lock.Dispose();
    }

    /// <exception cref="StartException">Nothing was ever served from there.</exception>
    public static void RequireData(string path)
    {
        if (!File.Exists(Path.Combine(path, DatabaseName)))
            throw new StartException($"{path} holds no server's data.");
    }

    /// <summary>One line that says what to do about a store that fails.</summary>
    public static string Explain(string path, StorageException e) => e.Failure switch
    {
        StorageFailure.Corrupt => $"The metadata in {path} is damaged. Run vice salvage --data {path}. ({e.Message})",
        StorageFailure.OlderFormat => $"The data in {path} was written by an older vice. ({e.Message})",
        StorageFailure.NewerFormat => $"The data in {path} was written by a newer vice. ({e.Message})",
        StorageFailure.NoSpace => $"There is no room on the disk of {path}.",
        StorageFailure.NoPermission => $"No permission to use {path}. ({e.Message})",
        StorageFailure.InUse => $"The metadata in {path} is in use by another program.",
        _ => $"The metadata in {path} can't be used. ({e.Message})",
    };

    /// <summary>
    /// A database is only made where nothing was served before, which the folder of contents tells. In an empty one nothing would refer to
    /// the contents that are there, and they would be deleted.
    /// </summary>
    private static void RequireMetadata(string path)
    {
        var database = new FileInfo(Path.Combine(path, DatabaseName));
        if (Directory.Exists(Path.Combine(path, ContentStore.ContentFolder)) && (!database.Exists || database.Length == 0))
            throw new StartException($"The metadata in {path} is damaged: {DatabaseName} is missing or empty. Put back a copy of it; the contents are untouched.");
    }

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
