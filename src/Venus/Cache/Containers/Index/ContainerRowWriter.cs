using Microsoft.Data.Sqlite;

namespace Afs.Venus.Cache;

/// <summary>The two statements that change the index, prepared once. They run in whatever transaction is open. Belongs to the loop that owns the connection.</summary>
internal sealed class ContainerRowWriter : IDisposable
{
    private readonly SqliteCommand _put;
    private readonly SqliteCommand _delete;

    public ContainerRowWriter(SqliteConnection connection)
    {
        _put = connection.CreateCommand();
        _put.CommandText = ContainerRowMapping.Put;
        _delete = connection.CreateCommand();
        _delete.CommandText = "DELETE FROM containers WHERE id = $id";
        _delete.Parameters.AddWithValue("$id", 0L);
    }

    public void Put(ContainerRecord record)
    {
        ContainerRowMapping.Bind(_put, record);
        _put.ExecuteNonQuery();
    }

    public void Delete(ContainerId id)
    {
        _delete.Parameters[0].Value = (long)id.Value;
        _delete.ExecuteNonQuery();
    }

    public void Dispose()
    {
        _put.Dispose();
        _delete.Dispose();
    }
}
