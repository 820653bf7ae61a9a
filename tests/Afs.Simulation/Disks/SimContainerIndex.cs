using System.Diagnostics;
using Afs.Platform;
using Afs.Venus.Cache;

namespace Afs.Simulation;

/// <summary>
/// The container index as one life uses it, with the promises of <see cref="IContainerIndex"/> and no more: changes are written some later, and not at all
/// while its disk refuses; a death before loses those that nobody was told of. What waits, and what becomes of what failed, is decided by the real rules.
/// </summary>
internal sealed class SimContainerIndex(SimIndexDisk disk, SimHost host, TimeProvider time, Random random) : IContainerIndex
{
    private const int MostWriteMs = 4;
    private const int MostDelayMs = 60;
    private const int SyncOneIn = 4;
    private const int MostRetryMs = 2000;

    private readonly IndexChanges _changes = new();
    private readonly Dictionary<ContainerId, ContainerRecord?> _told = [];
    private bool _isWriting;

    /// <summary>A planted error: what can't be written is dropped.</summary>
    public bool DropsFailed { get; init; }

    public int UnwrittenCount => _changes.UnwrittenCount;

    public string? Trouble => _changes.UnwrittenCount > 0 ? "its disk refuses" : null;

    public IReadOnlyList<ContainerRecord> Load() => [.. disk.Rows.Values.OrderBy(static row => row.Id.Value)];

    public ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss)
    {
        Add(record.Id, record, outlastsPowerLoss);
        Task made = _changes.WhenMade(record.Id);
        Begin();
        return new ValueTask(made);
    }

    public void PutLater(ContainerRecord record, bool outlastsPowerLoss)
    {
        Add(record.Id, record, outlastsPowerLoss);
        Begin();
    }

    public void DeleteLater(ContainerId id)
    {
        Add(id, null, outlastsPowerLoss: false);
        Begin();
    }

    public async ValueTask FlushAsync()
    {
        Task made = _changes.WhenAllMade();
        Begin();
        await made;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>
    /// The disk has what it was told last of each container, unless it says that something is not written yet: or a crash would store again what was stored,
    /// over what others closed since, or take for clean what was not.
    /// </summary>
    public void CheckInvariants()
    {
        if (_isWriting || UnwrittenCount > 0)
            return;
        foreach ((ContainerId id, ContainerRecord? told) in _told)
        {
            if (disk.Rows.GetValueOrDefault(id) is var row && row != told)
                throw new UnreachableException($"S8: the index was told that container {id} is {told?.State.ToString() ?? "gone"}, has nothing left to write, and says {row?.State.ToString() ?? "nothing"}.");
        }
    }

    private void Add(ContainerId id, ContainerRecord? record, bool outlastsPowerLoss)
    {
        _told[id] = record;
        _changes.Add(id, record, outlastsPowerLoss);
    }

    private void Begin()
    {
        if (_isWriting)
            return;
        _isWriting = true;
        _ = WriteAsync();
    }

    private async Task WriteAsync()
    {
        while (!_changes.IsEmpty)
        {
            await DelayAsync();
            IndexBatch batch = _changes.Take();
            host.Step();
            if (batch.Rows.Count > 0 && !disk.TryCommit())
                batch.FailAll(new DiskException(DiskFailure.Failed, "The index's disk refuses."));
            else
                Make(batch);
            if (!DropsFailed)
                _changes.Settle(batch);
            batch.Complete();
            if (batch.Failures.Count > 0)
                _ = RetryAsync();
        }
        _isWriting = false;
    }

    private void Make(IndexBatch batch)
    {
        foreach ((ContainerId id, IndexRow row) in batch.Rows)
            disk.Make(id, row.Record);
        if (batch.OutlastsPowerLoss || random.Next(SyncOneIn) == 0)
            disk.Sync();
    }

    private async Task RetryAsync()
    {
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostRetryMs)), time);
        _changes.AddUnwritten();
        Begin();
    }

    /// <summary>What nobody waits for takes its time, until somebody does.</summary>
    private async Task DelayAsync()
    {
        long end = time.GetTimestamp() + random.Next(MostDelayMs) * time.TimestampFrequency / 1000;
        do
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostWriteMs)), time);
        while (time.GetTimestamp() < end && !_changes.IsUrgent);
    }
}
