using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;
using Microsoft.Data.Sqlite;

namespace Afs.Venus.Cache;

/// <summary>
/// The file <c>vnodes.db</c>, apart from the index: nothing that only this client has is in it, so where it is damaged it may be deleted.
/// Not safe for concurrent use.
/// </summary>
internal sealed class SqliteSavedVnodes : ISavedVnodes
{
    private const long FormatVersion = 1;

    private const string Schema = """
        CREATE TABLE IF NOT EXISTS statuses (vnode INTEGER, uniquifier INTEGER, status BLOB NOT NULL, crc32c INTEGER NOT NULL,
            PRIMARY KEY (vnode, uniquifier)) STRICT, WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS directories (vnode INTEGER, uniquifier INTEGER, version INTEGER NOT NULL, names BLOB NOT NULL,
            PRIMARY KEY (vnode, uniquifier)) STRICT;
        CREATE TABLE IF NOT EXISTS identity (volume INTEGER NOT NULL, incarnation INTEGER NOT NULL) STRICT;
        """;

    private readonly SqliteConnection _connection;
    private VolumeId _volume;

    private SqliteSavedVnodes(SqliteConnection connection) => _connection = connection;

    /// <summary>Opens or makes it.</summary>
    /// <exception cref="DiskException">It can't be opened; <see cref="DiskFailure.Failed"/>: it is damaged, or of a newer format.</exception>
    public static SqliteSavedVnodes Open(string path) => new(CacheDatabase.Open(path, FormatVersion, Schema));

    public void Begin(VolumeIdentity identity)
    {
        _volume = new VolumeId(identity.Volume);
        Guard(() =>
        {
            using SqliteTransaction transaction = _connection.BeginTransaction();
            long same = (long)Run(transaction, "SELECT count(*) FROM identity WHERE volume = $1 AND incarnation = $2", (long)identity.Volume, (long)identity.Incarnation)!;
            if (same == 0)
            {
                Run(transaction, "DELETE FROM statuses; DELETE FROM directories; DELETE FROM identity");
                Run(transaction, "INSERT INTO identity VALUES ($1, $2)", (long)identity.Volume, (long)identity.Incarnation);
            }
            transaction.Commit();
        });
    }

    public void Read(Action<FetchStatus> status, Action<SavedDirectory> directory) => Guard(() =>
    {
        foreach (FetchStatus saved in ReadStatuses())
            status(saved);
        foreach (SavedDirectory saved in ReadDirectories())
            directory(saved);
    });

    public void Save(SavedChanges changes) => Guard(() =>
    {
        using SqliteTransaction transaction = _connection.BeginTransaction();
        Each(transaction, "DELETE FROM statuses WHERE vnode = $1 AND uniquifier = $2", changes.Removed, static fid => [.. Key(fid)]);
        Each(transaction, "DELETE FROM directories WHERE vnode = $1 AND uniquifier = $2", changes.Removed, static fid => [.. Key(fid)]);
        Each(transaction, "INSERT OR REPLACE INTO statuses VALUES ($1, $2, $3, $4)", changes.Statuses, static status =>
        {
            byte[] bytes = WireCodec.ToBytes(status);
            return [.. Key(status.Fid), bytes, (long)Crc32C.Of(bytes)];
        });
        Each(transaction, "INSERT OR REPLACE INTO directories VALUES ($1, $2, $3, $4)", changes.Directories, static directory =>
            [.. Key(directory.Fid), (long)directory.Version.Value, NamesCodec.Encode(directory.Names)]);
        transaction.Commit();
    });

    public void Dispose() => _connection.Dispose();

    private IEnumerable<FetchStatus> ReadStatuses()
    {
        using SqliteCommand command = Command(null, "SELECT vnode, uniquifier, status, crc32c FROM statuses");
        using SqliteDataReader rows = command.ExecuteReader();
        while (rows.Read())
        {
            byte[] bytes = (byte[])rows[2];
            if (Crc32C.Of(bytes) == (uint)rows.GetInt64(3) && Decode(bytes) is { } status && status.Fid == FidOf(rows))
                yield return status;
        }
    }

    private IEnumerable<SavedDirectory> ReadDirectories()
    {
        using SqliteCommand command = Command(null, "SELECT vnode, uniquifier, version, names FROM directories");
        using SqliteDataReader rows = command.ExecuteReader();
        while (rows.Read())
        {
            if (NamesCodec.TryDecode(_volume, (byte[])rows[3]) is { } names)
                yield return new SavedDirectory(FidOf(rows), new DataVersion((ulong)rows.GetInt64(2)), names);
        }
    }

    private static void Each<T>(SqliteTransaction transaction, string sql, List<T> items, Func<T, object[]> values)
    {
        if (items.Count == 0)
            return;
        using SqliteCommand command = transaction.Connection!.CreateCommand();
        (command.CommandText, command.Transaction) = (sql, transaction);
        foreach (T item in items)
        {
            Bind(command, values(item));
            command.ExecuteNonQuery();
        }
    }

    private object? Run(SqliteTransaction transaction, string sql, params object[] values)
    {
        using SqliteCommand command = Command(transaction, sql);
        Bind(command, values);
        return command.ExecuteScalar();
    }

    private SqliteCommand Command(SqliteTransaction? transaction, string sql)
    {
        SqliteCommand command = _connection.CreateCommand();
        (command.CommandText, command.Transaction) = (sql, transaction);
        return command;
    }

    private static void Bind(SqliteCommand command, object[] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (command.Parameters.Count <= i)
                command.Parameters.AddWithValue($"${i + 1}", values[i]);
            else
                command.Parameters[i].Value = values[i];
        }
    }

    private static object[] Key(Fid fid) => [(long)fid.Vnode.Value, (long)fid.Uniquifier.Value];

    private Fid FidOf(SqliteDataReader row) => new(_volume, new VnodeNumber((ulong)row.GetInt64(0)), new Uniquifier((uint)row.GetInt64(1)));

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

    private static void Guard(Action change)
    {
        try
        {
            change();
        }
        catch (SqliteException e)
        {
            throw SqliteDiskErrors.Translate(e);
        }
    }
}
