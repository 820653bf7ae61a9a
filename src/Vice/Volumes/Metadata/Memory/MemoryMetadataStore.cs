namespace Afs.Vice.Volumes.Metadata.Memory;

/// <summary>
/// Metadata in memory, for tests and simulation. A crash is disposing of everything but this store: what wasn't committed is gone,
/// what was is there.
/// </summary>
public sealed class MemoryMetadataStore : IMetadataStore
{
    private volatile MemoryState _committed = MemoryState.Empty;
    private IMetadataTransaction? _open;

    /// <summary>Called before each commit takes effect; a test throws <see cref="StorageException"/> from it to make commits fail.</summary>
    public Action? BeforeCommit { get; set; }

    public IMetadataView OpenView() => new MemoryView(_committed);

    public IMetadataTransaction BeginTransaction()
    {
        if (_open is not null)
            throw new InvalidOperationException("A transaction is open.");
        var transaction = new MemoryTransaction(this, _committed);
        _open = transaction;
        return transaction;
    }

    public void Maintain()
    {
    }

    public void Dispose()
    {
    }

    internal void Commit(MemoryState state)
    {
        BeforeCommit?.Invoke();
        _committed = state;
    }

    internal void End(IMetadataTransaction transaction)
    {
        if (ReferenceEquals(_open, transaction))
            _open = null;
    }
}
