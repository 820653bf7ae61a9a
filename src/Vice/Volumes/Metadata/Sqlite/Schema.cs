namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>The tables, and their version in the database's user_version. docs/disk-format.md explains them.</summary>
internal static class Schema
{
    public const int Version = 3;

    /// <summary>The format before contents could be patches.</summary>
    private const int WholeContents = 1;

    /// <summary>The format before a patch could be a row's data, and before patches were of pages.</summary>
    private const int PatchFiles = 2;

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
        Require(database);
    }

    /// <exception cref="StorageException">It isn't this format.</exception>
    public static void Require(Database database)
    {
        long version = database.QueryInt64("PRAGMA user_version");
        if (version > Version)
            throw new StorageException(StorageFailure.NewerFormat, $"The metadata has format {version}; this program knows {Version}.");
        if (version is WholeContents or PatchFiles)
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
