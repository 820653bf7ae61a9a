namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>Reads a database that another process may be writing to.</summary>
public sealed class SqliteMetadataReader : IDisposable
{
    private const int CacheKiB = 4 * 1024;

    private readonly ViewPool _views;

    private SqliteMetadataReader(ViewPool views) => _views = views;

    /// <exception cref="StorageException">It isn't there, is damaged, or is of a newer format.</exception>
    public static SqliteMetadataReader Open(string path)
    {
        using Database database = Database.Open(path, isReadOnly: true, CacheKiB);
        Schema.Require(database);
        return new(new ViewPool(path, mostIdle: 1, CacheKiB));
    }

    public IMetadataView OpenView() => _views.Open();

    public void Dispose() => _views.Dispose();
}
