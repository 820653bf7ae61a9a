using Afs.Wire;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Afs.Venus.Cache;

/// <summary>Between a row of the table <c>containers</c> and a record. Unsigned numbers are stored as signed ones of the same bits.</summary>
internal static class ContainerRowMapping
{
    public const int FormatVersion = 1;

    public const string Schema = """
        CREATE TABLE IF NOT EXISTS containers (
            id INTEGER PRIMARY KEY,
            volume INTEGER NOT NULL, vnode INTEGER NOT NULL, uniquifier INTEGER NOT NULL,
            base INTEGER NOT NULL,
            state INTEGER NOT NULL,
            crc32c INTEGER NOT NULL,
            length INTEGER NOT NULL, allocated INTEGER NOT NULL,
            mtime_s INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_s INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
            boot TEXT NOT NULL
        ) STRICT;
        CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        """;

    /// <summary>One question mark a column, in the order of <see cref="Bind"/>.</summary>
    public const string Put = "INSERT OR REPLACE INTO containers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

    /// <exception cref="SqliteException">There is no memory.</exception>
    public static void Bind(sqlite3 database, sqlite3_stmt put, ContainerRecord r)
    {
        ReadOnlySpan<long> numbers =
        [
            (long)r.Id.Value, r.Fid.Volume.Value, (long)r.Fid.Vnode.Value, r.Fid.Uniquifier.Value, (long)r.Base.Value, (long)r.State, r.Crc32C,
            r.Baseline.LengthBytes, r.Baseline.AllocatedBytes,
            r.Baseline.ModifyTime.Seconds, r.Baseline.ModifyTime.Nanoseconds, r.Baseline.ChangeTime.Seconds, r.Baseline.ChangeTime.Nanoseconds,
        ];
        for (int i = 0; i < numbers.Length; i++)
            SqliteException.ThrowExceptionForRC(raw.sqlite3_bind_int64(put, i + 1, numbers[i]), database);
        SqliteException.ThrowExceptionForRC(raw.sqlite3_bind_text(put, numbers.Length + 1, r.BootId), database);
    }

    public static ContainerRecord Read(SqliteDataReader row) => new(
        new ContainerId((ulong)row.GetInt64(0)),
        new Fid(new VolumeId((uint)row.GetInt64(1)), new VnodeNumber((ulong)row.GetInt64(2)), new Uniquifier((uint)row.GetInt64(3))),
        new DataVersion((ulong)row.GetInt64(4)),
        (ContainerState)row.GetInt64(5),
        (uint)row.GetInt64(6),
        new ContainerStat(row.GetInt64(7), row.GetInt64(8), Time(row, 9), Time(row, 11)),
        row.GetString(13));

    private static Timestamp Time(SqliteDataReader row, int column) => new(row.GetInt64(column), (uint)row.GetInt64(column + 1));
}
