using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Data.Sqlite;

namespace Afs.Venus.Hosting;

/// <summary>
/// The index and the saved vnodes of a cache directory of format 1, which kept both in SQLite: they are read once, and then their places are taken by databases of this program. A
/// crash before that leaves them as they are, and the next start reads them again.
/// </summary>
internal static class SqliteCache
{
    private const int FormatVersion = 1;
    private const int Full = 13, ReadOnly = 8, CannotOpen = 14;

    /// <summary>SQLite's files beside a database.</summary>
    public static IReadOnlyList<string> LogsOf(string name) => [name + "-wal", name + "-shm"];

    /// <summary>Is this a database of SQLite? (https://www.sqlite.org/fileformat.html, section 1.3.1.)</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static bool IsThere(IDisk disk, string name)
    {
        if (!disk.Exists(name))
            return false;
        using IDiskFile file = disk.Open(name, DiskOpenMode.Read);
        Span<byte> start = stackalloc byte[16];
        return file.Read(0, start) == start.Length && start.SequenceEqual("SQLite format 3\0"u8);
    }

    /// <exception cref="DiskException">It can't be read; <see cref="DiskFailure.Failed"/>: it is damaged, or of a newer format.</exception>
    public static List<ContainerRecord> ReadIndex(string path) => Read(path, static connection =>
    {
        var records = new List<ContainerRecord>();
        Each(connection, "SELECT * FROM containers", row => records.Add(Checked(ToRecord(row))));
        return records;
    });

    /// <summary>Null: it is of no volume yet.</summary>
    /// <exception cref="DiskException">It can't be read; <see cref="DiskFailure.Failed"/>: it is damaged, or of a newer format.</exception>
    public static (VolumeId Volume, ulong Incarnation, SavedChanges Saved)? ReadVnodes(string path) => Read<(VolumeId, ulong, SavedChanges)?>(path, static connection =>
    {
        (VolumeId Volume, ulong Incarnation)? identity = null;
        Each(connection, "SELECT volume, incarnation FROM identity", row => identity = (new VolumeId((uint)row.GetInt64(0)), (ulong)row.GetInt64(1)));
        if (identity is not { } of)
            return null;
        var saved = new SavedChanges();
        Each(connection, "SELECT vnode, uniquifier, status, crc32c FROM statuses", row =>
        {
            byte[] bytes = (byte[])row[2];
            if (Crc32C.Of(bytes) == (uint)row.GetInt64(3) && Decode(bytes) is { } status && status.Fid == FidOf(of.Volume, row))
                saved.Statuses.Add(status);
        });
        Each(connection, "SELECT vnode, uniquifier, version, names FROM directories", row =>
        {
            if (NamesCodec.TryDecode(of.Volume, (byte[])row[3]) is { } names)
                saved.Directories.Add(new SavedDirectory(FidOf(of.Volume, row), new DataVersion((ulong)row.GetInt64(2)), names));
        });
        return (of.Volume, of.Incarnation, saved);
    });

    private static T Read<T>(string path, Func<SqliteConnection, T> read)
    {
        SystemSqlite.Use();
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
            connection.Open();
            Scalar(connection, "PRAGMA locking_mode=EXCLUSIVE");
            if (Scalar(connection, "PRAGMA quick_check(1)") is not "ok")
                throw new DiskException(DiskFailure.Failed, $"{path}: the database is damaged.");
            long format = (long)Scalar(connection, "PRAGMA user_version")!;
            if (format > FormatVersion)
                throw new DiskException(DiskFailure.Failed, $"{path}: format {format} is newer than this program's {FormatVersion}.");
            return read(connection);
        }
        catch (SqliteException e)
        {
            throw Translate(e);
        }
    }

    private static void Each(SqliteConnection connection, string sql, Action<SqliteDataReader> each)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        using SqliteDataReader rows = command.ExecuteReader();
        while (rows.Read())
            each(rows);
    }

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private static DiskException Translate(SqliteException e)
    {
        DiskFailure failure = e.SqliteErrorCode switch
        {
            Full => DiskFailure.NoSpace,
            ReadOnly => DiskFailure.ReadOnly,
            CannotOpen => DiskFailure.NoPermission,
            _ => DiskFailure.Failed,
        };
        return new DiskException(failure, $"The cache's database: {e.Message}", e);
    }

    /// <summary>Unsigned numbers were stored as signed ones of the same bits.</summary>
    private static ContainerRecord ToRecord(SqliteDataReader row) => new(
        new ContainerId((ulong)row.GetInt64(0)),
        new Fid(new VolumeId((uint)row.GetInt64(1)), new VnodeNumber((ulong)row.GetInt64(2)), new Uniquifier((uint)row.GetInt64(3))),
        new DataVersion((ulong)row.GetInt64(4)),
        (ContainerState)row.GetInt64(5),
        (uint)row.GetInt64(6),
        new ContainerStat(row.GetInt64(7), row.GetInt64(8), Time(row, 9), Time(row, 11)),
        row.GetString(13),
        Caller.Client);

    private static Timestamp Time(SqliteDataReader row, int column) => new(row.GetInt64(column), (uint)row.GetInt64(column + 1));

    /// <summary>What this program would not read again, it doesn't take.</summary>
    private static ContainerRecord Checked(ContainerRecord record)
    {
        Span<byte> bytes = stackalloc byte[ContainerRowCodec.RowBytes];
        if (!ContainerRowCodec.Fits(record))
            throw Damaged(record);
        ContainerRowCodec.Write(record, bytes);
        return ContainerRowCodec.TryRead(bytes, record.BootId, out _, out ContainerRecord? read) && read == record ? record : throw Damaged(record);
    }

    private static DiskException Damaged(ContainerRecord record) => new(DiskFailure.Failed, $"The cache's database: the row of container {record.Id} is damaged.");

    private static Fid FidOf(VolumeId volume, SqliteDataReader row) => new(volume, new VnodeNumber((ulong)row.GetInt64(0)), new Uniquifier((uint)row.GetInt64(1)));

    private static FetchStatus? Decode(byte[] bytes)
    {
        try
        {
            return WireCodec.FromBytes<FetchStatus>(bytes);
        }
        catch (MalformedMessageException)
        {
            return null;
        }
    }
}
