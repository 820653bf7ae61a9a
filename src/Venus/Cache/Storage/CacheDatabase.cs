using Afs.Platform;
using Microsoft.Data.Sqlite;

namespace Afs.Venus.Cache;

/// <summary>
/// Opens a database of the cache, or makes it: write-ahead log, one user, synchronous=NORMAL, so that a commit is a write without a wait for the disk.
/// </summary>
internal static class CacheDatabase
{
    /// <param name="formatVersion">What this program writes; a database of an older format gets the schema's new parts.</param>
    /// <param name="schema">Statements that make what isn't there, each ended by a semicolon.</param>
    /// <exception cref="DiskException">It can't be opened; <see cref="DiskFailure.Failed"/>: it is damaged, or of a newer format.</exception>
    public static SqliteConnection Open(string path, long formatVersion, string schema)
    {
        SystemSqlite.Use();
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            Execute(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA locking_mode=EXCLUSIVE;");
            if (Scalar(connection, "PRAGMA quick_check(1)") is not "ok")
                throw new DiskException(DiskFailure.Failed, $"{path}: the database is damaged.");
            long format = (long)Scalar(connection, "PRAGMA user_version")!;
            if (format > formatVersion)
                throw new DiskException(DiskFailure.Failed, $"{path}: format {format} is newer than this program's {formatVersion}.");
            Execute(connection, $"{schema} PRAGMA user_version={formatVersion};");
            return connection;
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw SqliteDiskErrors.Translate(e);
        }
        catch (DiskException)
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
