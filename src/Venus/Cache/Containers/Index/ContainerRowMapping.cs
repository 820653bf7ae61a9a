using Afs.Wire;
using Microsoft.Data.Sqlite;

namespace Afs.Venus.Cache;

/// <summary>Between a row of the table <c>containers</c> and a record. Unsigned numbers are stored as signed ones of the same bits.</summary>
internal static class ContainerRowMapping
{
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

    public const string Put = """
        INSERT OR REPLACE INTO containers VALUES
            ($id, $volume, $vnode, $uniquifier, $base, $state, $crc32c, $length, $allocated, $mtime_s, $mtime_ns, $ctime_s, $ctime_ns, $boot)
        """;

    public static void Bind(SqliteCommand command, ContainerRecord r)
    {
        Add("$id", (long)r.Id.Value);
        Add("$volume", (long)r.Fid.Volume.Value);
        Add("$vnode", (long)r.Fid.Vnode.Value);
        Add("$uniquifier", (long)r.Fid.Uniquifier.Value);
        Add("$base", (long)r.Base.Value);
        Add("$state", (long)r.State);
        Add("$crc32c", (long)r.Crc32C);
        Add("$length", r.Baseline.LengthBytes);
        Add("$allocated", r.Baseline.AllocatedBytes);
        Add("$mtime_s", r.Baseline.ModifyTime.Seconds);
        Add("$mtime_ns", (long)r.Baseline.ModifyTime.Nanoseconds);
        Add("$ctime_s", r.Baseline.ChangeTime.Seconds);
        Add("$ctime_ns", (long)r.Baseline.ChangeTime.Nanoseconds);
        Add("$boot", r.BootId);

        void Add(string name, object value)
        {
            if (command.Parameters.Contains(name))
                command.Parameters[name].Value = value;
            else
                command.Parameters.AddWithValue(name, value);
        }
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
