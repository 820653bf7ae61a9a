namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>A read transaction on a connection of the pool.</summary>
internal sealed class SqliteView : SqliteReads
{
    private readonly ViewPool _pool;

    public SqliteView(Database database, ViewPool pool)
        : base(database)
    {
        _pool = pool;
        database.Prepare("BEGIN").Run();
    }

    public override void Dispose()
    {
        Database.Prepare("COMMIT").Run();
        _pool.Return(Database);
    }
}
