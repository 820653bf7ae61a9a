using SQLitePCL;

namespace Afs.Vice.Volumes.Metadata.Sqlite;

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
