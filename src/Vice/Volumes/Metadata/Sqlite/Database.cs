using Afs.Platform;
using SQLitePCL;

namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>One SQLite connection with its prepared statements. Used by one thread at a time.</summary>
internal sealed class Database : IDisposable
{
    private readonly sqlite3 _handle;
    private readonly Dictionary<string, Statement> _statements = [];

    private Database(sqlite3 handle) => _handle = handle;

    /// <param name="cacheKiB">The most that this connection keeps of the database in memory.</param>
    public static Database Open(string path, bool isReadOnly, int cacheKiB)
    {
        SystemSqlite.Use();
        int flags = raw.SQLITE_OPEN_NOMUTEX | (isReadOnly ? raw.SQLITE_OPEN_READONLY : raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE);
        int code = raw.sqlite3_open_v2(path, out sqlite3 handle, flags, null);
        if (code != raw.SQLITE_OK)
        {
            StorageException failure = SqliteErrors.From(code, null, $"cannot open {path}");
            handle?.Dispose();
            throw failure;
        }
        raw.sqlite3_extended_result_codes(handle, 1);
        var database = new Database(handle);
        database.Execute($"PRAGMA cache_size = -{cacheKiB}");
        return database;
    }

    /// <summary>The statement for this text, prepared once and kept. The texts are constants of this program, so their number is bounded.</summary>
    public Statement Prepare(string sql)
    {
        if (!_statements.TryGetValue(sql, out Statement? statement))
        {
            Check(raw.sqlite3_prepare_v3(_handle, sql, raw.SQLITE_PREPARE_PERSISTENT, out sqlite3_stmt handle), sql);
            statement = new Statement(this, handle, sql);
            _statements.Add(sql, statement);
        }
        return statement.Start();
    }

    public void Execute(string sql) => Check(raw.sqlite3_exec(_handle, sql), sql);

    public long QueryInt64(string sql)
    {
        Statement statement = Prepare(sql);
        long value = statement.Step() ? statement.Int64(0) : throw SqliteErrors.From(raw.SQLITE_CORRUPT, null, sql);
        statement.Reset();
        return value;
    }

    public string QueryText(string sql)
    {
        Statement statement = Prepare(sql);
        string value = statement.Step() ? statement.Text(0) : "";
        statement.Reset();
        return value;
    }

    /// <summary>Moves what the log holds into the database file, as far as no reader is in the way.</summary>
    public void Checkpoint()
    {
        int code = raw.sqlite3_wal_checkpoint_v2(_handle, null!, raw.SQLITE_CHECKPOINT_PASSIVE, out _, out _);
        if (code is not (raw.SQLITE_OK or raw.SQLITE_BUSY))
            throw SqliteErrors.From(code, _handle, "checkpoint");
    }

    public void Check(int code, string what)
    {
        if (code is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE))
            throw FailureOf(code, what);
    }

    public StorageException FailureOf(int code, string what) => SqliteErrors.From(code, _handle, what);

    /// <summary>False outside of a transaction, where SQLite rolled it back by itself.</summary>
    public bool IsInTransaction => raw.sqlite3_get_autocommit(_handle) == 0;

    /// <summary>By the last statement that changes rows.</summary>
    public int ChangedRows => raw.sqlite3_changes(_handle);

    public void Dispose()
    {
        foreach (Statement statement in _statements.Values)
            statement.Dispose();
        _statements.Clear();
        _handle.Dispose();
    }
}
