namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>
/// Metadata in one SQLite database with a write-ahead log. One connection makes all writes and checkpoints (two could meet SQLite's
/// WAL-reset bug of versions up to 3.51.2); views are read-only connections. synchronous=FULL: a commit is on stable storage.
/// </summary>
public sealed class SqliteMetadataStore : IMetadataStore
{
    /// <summary>Pages of the database that the writer keeps in memory.</summary>
    private const int WriterCacheKiB = 64 * 1024;

    private const int ViewCacheKiB = 4 * 1024;
    private const int MostIdleViews = 16;

    /// <summary>When the log holds so many pages, a commit moves them itself, before <see cref="Maintain"/> found a quiet moment.</summary>
    private const int PagesBeforeForcedCheckpoint = 32_768;

    /// <summary>Commits after which a quiet moment is used to move the log.</summary>
    private const int CommitsBeforeCheckpoint = 256;

    private readonly Database _writer;
    private readonly ViewPool _views;
    private SqliteTransaction? _open;
    private int _commitsInLog;

    private SqliteMetadataStore(Database writer, ViewPool views) => (_writer, _views) = (writer, views);

    /// <summary>Opens the database, or makes it where there is none.</summary>
    /// <exception cref="StorageException">Corrupt, of a newer format, in use, no permission.</exception>
    public static SqliteMetadataStore Open(string path)
    {
        Database writer = Database.Open(path, isReadOnly: false, WriterCacheKiB);
        try
        {
            if (writer.QueryText("PRAGMA journal_mode = WAL") != "wal")
                throw new StorageException(StorageFailure.Failed, $"{path} does not allow a write-ahead log.");
            writer.Execute("PRAGMA synchronous = FULL");
            writer.Execute($"PRAGMA wal_autocheckpoint = {PagesBeforeForcedCheckpoint}");
            Schema.Prepare(writer);
            return new(writer, new ViewPool(path, MostIdleViews, ViewCacheKiB));
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    public IMetadataView OpenView() => _views.Open();

    public IMetadataTransaction BeginTransaction()
    {
        if (_open is not null)
            throw new InvalidOperationException("A transaction is open.");
        var transaction = new SqliteTransaction(_writer, this);
        transaction.Begin();
        _open = transaction;
        return transaction;
    }

    public void Maintain()
    {
        if (_commitsInLog < CommitsBeforeCheckpoint)
            return;
        _commitsInLog = 0;
        _writer.Checkpoint();
    }

    /// <summary>Every page and index, as SQLite sees them; empty if all is well.</summary>
    public string CheckIntegrity()
    {
        string verdict = _writer.QueryText("PRAGMA integrity_check(1)");
        return verdict == "ok" ? "" : verdict;
    }

    public void Dispose()
    {
        _views.Dispose();
        _writer.Dispose();
    }

    internal void End(SqliteTransaction transaction)
    {
        if (!ReferenceEquals(_open, transaction))
            return;
        _open = null;
        _commitsInLog++;
    }
}
