using System.Collections.Concurrent;

namespace Afs.Vice.Volumes.Metadata.Sqlite;

/// <summary>
/// Read-only connections. As many are out as threads read at once; of those that come back, a few are kept.
/// </summary>
internal sealed class ViewPool(string path, int mostIdle, int cacheKiB) : IDisposable
{
    private readonly ConcurrentBag<Database> _idle = [];
    private int _isDisposed;

    public IMetadataView Open()
    {
        if (!_idle.TryTake(out Database? database))
            database = Database.Open(path, isReadOnly: true, cacheKiB);
        try
        {
            return new SqliteView(database, this);
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    public void Return(Database database)
    {
        if (_idle.Count >= mostIdle || Volatile.Read(ref _isDisposed) != 0)
            database.Dispose();
        else
            _idle.Add(database);
    }

    public void Dispose()
    {
        Volatile.Write(ref _isDisposed, 1);
        while (_idle.TryTake(out Database? database))
            database.Dispose();
    }
}
