using Afs.Platform;
using Afs.Venus.Cache;

namespace Afs.Venus.Tests;

/// <summary>An index that, at a test's word, refuses changes, each when the test says so; by the real rules for what can't be written.</summary>
internal sealed class RefusingIndex(IContainerIndex inner) : IContainerIndex
{
    private readonly Lock _lock = new();
    private readonly IndexChanges _changes = new();

    public bool Refuses { get; set; }

    /// <summary>Attempts wait for <see cref="Attempt"/>.</summary>
    public bool Holds { get; set; }

    public int UnwrittenCount => _changes.UnwrittenCount;

    public string? Trouble => UnwrittenCount > 0 ? "refused by the test" : null;

    public IReadOnlyList<ContainerRecord> Load() => inner.Load();

    public ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss)
    {
        Task made;
        lock (_lock)
        {
            _changes.Add(record.Id, record, outlastsPowerLoss);
            made = _changes.WhenMade(record.Id);
        }
        if (!Holds)
            Attempt();
        return new ValueTask(made);
    }

    public void PutLater(ContainerRecord record, bool outlastsPowerLoss)
    {
        lock (_lock)
            _changes.Add(record.Id, record, outlastsPowerLoss);
    }

    public void DeleteLater(ContainerId id)
    {
        lock (_lock)
            _changes.Add(id, null, outlastsPowerLoss: false);
    }

    /// <summary>All that waits is written, or refused.</summary>
    public void Attempt()
    {
        IndexBatch batch;
        lock (_lock)
        {
            batch = _changes.Take();
            if (Refuses)
                batch.FailAll(new DiskException(DiskFailure.Failed, "refused by the test"));
            _changes.Settle(batch);
        }
        foreach ((ContainerId id, IndexRow row) in batch.Rows.Where(row => !batch.Failures.ContainsKey(row.Key)))
        {
            if (row.Record is null)
                inner.DeleteLater(id);
            else
                inner.PutLater(row.Record, row.OutlastsPowerLoss);
        }
        batch.Complete();
    }

    public async ValueTask FlushAsync()
    {
        Task made;
        lock (_lock)
            made = _changes.WhenAllMade();
        Attempt();
        await made;
        await inner.FlushAsync();
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
