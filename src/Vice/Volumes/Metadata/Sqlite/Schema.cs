using Afs.Platform;
using SQLitePCL;

namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>The tables, and their version in the database's user_version. docs/disk-format.md explains them.</summary>
internal static class Schema
{
    public const int Version = 5;

    /// <summary>The format before contents could be patches.</summary>
    private const int WholeContents = 1;

    /// <summary>The format before a patch could be a row's data, and before patches were of pages.</summary>
    private const int PatchFiles = 2;

    /// <summary>The format before a stored reply said what it answers.</summary>
    private const int BareReplies = 3;

    /// <summary>The format before clients gave fids themselves and sent batches.</summary>
    private const int ServerFids = 4;

    private const string Tables = """
        CREATE TABLE server (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            epoch INTEGER NOT NULL,
            last_session INTEGER NOT NULL) STRICT;
        CREATE TABLE volumes (
            volume INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            last_vnode INTEGER NOT NULL,
            version INTEGER NOT NULL,
            incarnation INTEGER NOT NULL,
            vnodes INTEGER NOT NULL) STRICT;
        CREATE TABLE vnodes (
            volume INTEGER NOT NULL,
            vnode INTEGER NOT NULL,
            uniquifier INTEGER NOT NULL,
            type INTEGER NOT NULL,
            mode INTEGER NOT NULL,
            uid INTEGER NOT NULL,
            gid INTEGER NOT NULL,
            length INTEGER NOT NULL,
            allocated INTEGER NOT NULL,
            links INTEGER NOT NULL,
            data_version INTEGER NOT NULL,
            status_version INTEGER NOT NULL,
            atime INTEGER NOT NULL,
            atime_ns INTEGER NOT NULL,
            mtime INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            ctime INTEGER NOT NULL,
            ctime_ns INTEGER NOT NULL,
            parent INTEGER NOT NULL,
            parent_uniquifier INTEGER NOT NULL,
            device INTEGER NOT NULL,
            crc32c INTEGER NOT NULL,
            symlink BLOB,
            has_xattrs INTEGER NOT NULL,
            PRIMARY KEY (volume, vnode)) STRICT, WITHOUT ROWID;
        CREATE TABLE entries (
            volume INTEGER NOT NULL,
            directory INTEGER NOT NULL,
            name BLOB NOT NULL,
            vnode INTEGER NOT NULL,
            uniquifier INTEGER NOT NULL,
            type INTEGER NOT NULL,
            PRIMARY KEY (volume, directory, name)) STRICT, WITHOUT ROWID;
        CREATE TABLE xattrs (
            volume INTEGER NOT NULL,
            vnode INTEGER NOT NULL,
            name BLOB NOT NULL,
            value BLOB NOT NULL,
            PRIMARY KEY (volume, vnode, name)) STRICT, WITHOUT ROWID;
        CREATE TABLE contents (
            volume INTEGER NOT NULL,
            vnode INTEGER NOT NULL,
            data_version INTEGER NOT NULL,
            object INTEGER NOT NULL,
            writer_high INTEGER NOT NULL,
            writer_low INTEGER NOT NULL,
            data BLOB,
            PRIMARY KEY (volume, vnode)) STRICT;
        CREATE TABLE kept (
            volume INTEGER NOT NULL,
            vnode INTEGER NOT NULL,
            uniquifier INTEGER NOT NULL,
            data_version INTEGER NOT NULL,
            length INTEGER NOT NULL,
            crc32c INTEGER NOT NULL,
            object INTEGER NOT NULL,
            writer_high INTEGER NOT NULL,
            writer_low INTEGER NOT NULL,
            kept_at_ms INTEGER NOT NULL,
            data BLOB,
            PRIMARY KEY (volume, vnode, data_version)) STRICT;
        CREATE TABLE unnamed (
            volume INTEGER NOT NULL,
            vnode INTEGER NOT NULL,
            uniquifier INTEGER NOT NULL,
            session INTEGER NOT NULL,
            PRIMARY KEY (volume, vnode)) STRICT, WITHOUT ROWID;
        CREATE TABLE sessions (
            session INTEGER PRIMARY KEY,
            client_high INTEGER NOT NULL,
            client_low INTEGER NOT NULL,
            forgotten_through INTEGER NOT NULL,
            has_lapsed INTEGER NOT NULL) STRICT;
        CREATE TABLE replies (
            session INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            abort INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (session, sequence)) STRICT, WITHOUT ROWID;
        INSERT INTO server VALUES (1, 0, 0);
        PRAGMA user_version = 1;
        """;

    private const string FromWholeContents = """
        ALTER TABLE contents ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE kept ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
        PRAGMA user_version = 2;
        """;

    private const string FromPatchFiles = "PRAGMA user_version = 3;";

    private const string FromBareReplies = """
        ALTER TABLE replies ADD COLUMN request INTEGER NOT NULL DEFAULT 0;
        PRAGMA user_version = 4;
        """;

    private const string FromServerFids = """
        ALTER TABLE sessions ADD COLUMN holds_tokens INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE vnode_leases (
            volume INTEGER NOT NULL,
            first INTEGER NOT NULL,
            "end" INTEGER NOT NULL,
            next INTEGER NOT NULL,
            uniquifier INTEGER NOT NULL,
            client_high INTEGER NOT NULL,
            client_low INTEGER NOT NULL,
            PRIMARY KEY (volume, first)) STRICT, WITHOUT ROWID;
        CREATE TABLE batches (
            volume INTEGER NOT NULL,
            client_high INTEGER NOT NULL,
            client_low INTEGER NOT NULL,
            last INTEGER NOT NULL,
            answer BLOB NOT NULL,
            PRIMARY KEY (volume, client_high, client_low)) STRICT, WITHOUT ROWID;
        PRAGMA user_version = 5;
        """;

    /// <summary>
    /// Who names an object of the content store (rows that name none are in no index), and whose a block of numbers is. They are no part of the format: who doesn't know them keeps them, and a
    /// database without them answers the same, more slowly.
    /// </summary>
    private const string Indexes = """
        CREATE INDEX IF NOT EXISTS contents_object ON contents (object) WHERE object != 0;
        CREATE INDEX IF NOT EXISTS contents_base ON contents (base) WHERE base != 0;
        CREATE INDEX IF NOT EXISTS kept_object ON kept (object) WHERE object != 0;
        CREATE INDEX IF NOT EXISTS kept_base ON kept (base) WHERE base != 0;
        CREATE INDEX IF NOT EXISTS vnode_leases_client ON vnode_leases (volume, client_high, client_low);
        """;

    /// <summary>Makes the tables in an empty database, and brings older ones to this format; refuses one of a newer format.</summary>
    public static void Prepare(Database database)
    {
        if (database.QueryInt64("PRAGMA user_version") == 0 && database.QueryInt64("SELECT count(*) FROM sqlite_schema") == 0)
        {
            database.Execute("BEGIN IMMEDIATE");
            database.Execute(Tables);
            database.Execute("COMMIT");
        }
        Upgrade(database, WholeContents, FromWholeContents);
        Upgrade(database, PatchFiles, FromPatchFiles);
        Upgrade(database, BareReplies, FromBareReplies);
        Upgrade(database, ServerFids, FromServerFids);
        Require(database);
        database.Execute("BEGIN IMMEDIATE");
        database.Execute(Indexes);
        database.Execute("COMMIT");
    }

    /// <exception cref="StorageException">It isn't this format.</exception>
    public static void Require(Database database)
    {
        long version = database.QueryInt64("PRAGMA user_version");
        if (version > Version)
            throw new StorageException(StorageFailure.NewerFormat, $"The metadata has format {version}; this program knows {Version}.");
        if (version is WholeContents or PatchFiles or BareReplies or ServerFids)
            throw new StorageException(StorageFailure.OlderFormat, $"The metadata has format {version}; serve from it once, and it becomes format {Version}.");
        if (version != Version)
            throw new StorageException(StorageFailure.Corrupt, $"The metadata has format {version}, which never was.");
    }

    private static void Upgrade(Database database, int from, string steps)
    {
        if (database.QueryInt64("PRAGMA user_version") != from)
            return;
        database.Execute("BEGIN IMMEDIATE");
        database.Execute(steps);
        database.Execute("COMMIT");
    }
}

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
