using System.Collections.Concurrent;
using SQLitePCL;

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
            writer.Execute("PRAGMA temp_store = MEMORY"); // What a savepoint needs has no disk of its own that may be full.
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

/// <summary>A read transaction on a connection of the pool.</summary>
internal sealed class SqliteView : SqliteReads
{
    private readonly ViewPool _pool;

    public SqliteView(Database database, ViewPool pool)
        : base(database)
    {
        _pool = pool;
        database.Prepare("BEGIN").Run();
    }

    public override void Dispose()
    {
        Database.Prepare("COMMIT").Run();
        _pool.Return(Database);
    }
}

/// <summary>
/// Read-only connections. As many are out as threads read at once; of those that come back, a few are kept.
/// </summary>
internal sealed class ViewPool(string path, int mostIdle, int cacheKiB) : IDisposable
{
    private readonly ConcurrentBag<Database> _idle = [];
    private int _isDisposed;

    public IMetadataView Open()
    {
        if (!_idle.TryTake(out Database? database))
            database = Database.Open(path, isReadOnly: true, cacheKiB);
        try
        {
            return new SqliteView(database, this);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    public void Return(Database database)
    {
        if (_idle.Count >= mostIdle || Volatile.Read(ref _isDisposed) != 0)
            database.Dispose();
        else
            _idle.Add(database);
    }

    public void Dispose()
    {
        Volatile.Write(ref _isDisposed, 1);
        while (_idle.TryTake(out Database? database))
            database.Dispose();
    }
}

/// <summary>From SQLite's result codes (https://www.sqlite.org/rescode.html) to <see cref="StorageException"/>.</summary>
internal static class SqliteErrors
{
    private const int PrimaryMask = 0xff;

    public static StorageException From(int code, sqlite3? database, string what)
    {
        string reason = database is null ? raw.sqlite3_errstr(code).utf8_to_string() : raw.sqlite3_errmsg(database).utf8_to_string();
        return new(FailureOf(code & PrimaryMask), $"Metadata: {what}: {reason} (SQLite {code}).");
    }

    private static StorageFailure FailureOf(int primary) => primary switch
    {
        raw.SQLITE_FULL => StorageFailure.NoSpace,
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => StorageFailure.Corrupt,
        raw.SQLITE_BUSY or raw.SQLITE_LOCKED => StorageFailure.InUse,
        raw.SQLITE_PERM or raw.SQLITE_READONLY or raw.SQLITE_AUTH or raw.SQLITE_CANTOPEN => StorageFailure.NoPermission,
        _ => StorageFailure.Failed,
    };
}
