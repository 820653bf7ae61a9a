using Afs.Platform;
using Microsoft.Data.Sqlite;

namespace Afs.Venus.Cache;

/// <summary>Opens the index's database, or makes it.</summary>
internal static class ContainerDatabase
{
    private const int FormatVersion = 1;

    /// <exception cref="SqliteException">It can't be opened.</exception>
    /// <exception cref="DiskException">It is damaged, or of a newer format.</exception>
    public static SqliteConnection Open(string path)
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
            if (format > FormatVersion)
                throw new DiskException(DiskFailure.Failed, $"{path}: format {format} is newer than this program's {FormatVersion}.");
            Execute(connection, ContainerRowMapping.Schema + $"PRAGMA user_version={FormatVersion};");
            return connection;
        }
        catch
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
