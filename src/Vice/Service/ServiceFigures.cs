namespace Afs.Vice.Service;

/// <summary>Counts since the server's start. Safe for concurrent use.</summary>
internal sealed class ServiceFigures
{
    private long _reads, _mutations, _unseen, _storageFailures;

    public long Reads => Volatile.Read(ref _reads);

    public long Mutations => Volatile.Read(ref _mutations);

    /// <summary>Stores that replaced a version which their writer had not seen.</summary>
    public long StoresUnseen => Volatile.Read(ref _unseen);

    public long StorageFailures => Volatile.Read(ref _storageFailures);

    public void CountRead() => Interlocked.Increment(ref _reads);

    public void CountMutation() => Interlocked.Increment(ref _mutations);

    public void CountUnseen() => Interlocked.Increment(ref _unseen);

    public void CountStorageFailure() => Interlocked.Increment(ref _storageFailures);
}
