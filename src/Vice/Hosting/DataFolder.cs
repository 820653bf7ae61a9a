using System.Security.Cryptography;
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

    /// <summary>A server runs on it, or another command that writes.</summary>
    public static bool IsInUse(string path)
    {
        string name = Path.Combine(path, LockName);
        try
        {
            new FileStream(name, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StartException($"No permission to use {path}.", e);
        }
        catch (IOException)
        {
            return true;
        }
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
        if (Directory.Exists(Path.Combine(path, FileContentStore.ContentFolder)) && (!database.Exists || database.Length == 0))
            throw new StartException($"The metadata in {path} is damaged: {DatabaseName} is missing or empty. Put back a copy of it; the contents are untouched.");
    }

    private static FileStream Lock(string path)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException();
        try
        {
            PrivateFolder.Claim(path);
            return new FileStream(Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (PrivateFolderException e)
        {
            throw new StartException(e.Message, e);
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

/// <summary>A server's data on disk, for reading only. The server may run.</summary>
public sealed class DataReader : IDisposable
{
    private readonly SqliteMetadataReader _metadata;

    private DataReader(string path, SqliteMetadataReader metadata) =>
        (_metadata, Contents) = (metadata, FileContentStore.Of(new LinuxDisk(path)));

    public IContentStore Contents { get; }

    /// <exception cref="StartException">There is none, or it can't be used.</exception>
    public static DataReader Open(string path)
    {
        path = Path.GetFullPath(path);
        DataFolder.RequireData(path);
        try
        {
            return new DataReader(path, SqliteMetadataReader.Open(Path.Combine(path, DataFolder.DatabaseName)));
        }
        catch (StorageException e)
        {
            throw new StartException(DataFolder.Explain(path, e), e);
        }
    }

    /// <summary>As of now; what is committed later isn't seen in it.</summary>
    public IMetadataView OpenView() => _metadata.OpenView();

    public void Dispose() => _metadata.Dispose();
}

/// <summary>
/// The key of the sessions' tokens: 32 random bytes, made once, readable by the server's user alone. Without it, clients establish new sessions.
/// </summary>
internal static class SessionKeyFile
{
    public const string Name = "session-key";

    private const int Bytes = 32;

    /// <exception cref="StartException">It can't be read or made.</exception>
    public static byte[] LoadOrMake(string folder)
    {
        string path = Path.Combine(Path.GetFullPath(folder), Name);
        try
        {
            return Load(path) ?? Make(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The key of the sessions, {path}, can't be used: {e.Message}", e);
        }
    }

    /// <summary>Null: there is none, or it was not written whole.</summary>
    private static byte[]? Load(string path) => File.Exists(path) && File.ReadAllBytes(path) is { Length: Bytes } key ? key : null;

    /// <summary>Another name first, so that there is never half a key; a power loss that takes it ends sessions, and nothing else.</summary>
    private static byte[] Make(string path)
    {
        byte[] key = RandomNumberGenerator.GetBytes(Bytes);
        string part = path + ".new";
        File.Delete(part);
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException();
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var file = new FileStream(part, options))
        {
            file.Write(key);
            file.Flush(flushToDisk: true);
        }
        File.Move(part, path, overwrite: true);
        return key;
    }
}
