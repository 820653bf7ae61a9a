using Afs.Venus.Cache;

namespace Afs.Simulation;

/// <summary>
/// The container index as one life uses it, with the promises of <see cref="IContainerIndex"/> and no more: changes are written in their order,
/// some later; a death before loses those that nobody was told of.
/// </summary>
internal sealed class SimContainerIndex(SimIndexDisk disk, SimHost host, TimeProvider time, Random random) : IContainerIndex
{
    private const int MostWriteMs = 4;
    private const int MostDelayMs = 60;
    private const int SyncOneIn = 4;

    private readonly List<IndexChange> _waiting = [];
    private bool _isWriting;
    private bool _isFlushed;

    public IReadOnlyList<ContainerRecord> Load() => [.. disk.Rows.Values.OrderBy(static row => row.Id.Value)];

    public ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss)
    {
        var done = new TaskCompletionSource();
        Add(new IndexChange(record, record.Id, done, outlastsPowerLoss));
        return new ValueTask(done.Task);
    }

    /// <summary>Nothing: what is urgent goes at its own pace.</summary>
    public void Commit()
    {
    }

    public void PutLater(ContainerRecord record, bool outlastsPowerLoss) => Add(new IndexChange(record, record.Id, null, outlastsPowerLoss));

    public void DeleteLater(ContainerId id) => Add(new IndexChange(null, id, null));

    public async ValueTask FlushAsync()
    {
        _isFlushed = true;
        while (_waiting.Count > 0 || _isWriting)
            await Task.Delay(TimeSpan.FromMilliseconds(1), time);
        _isFlushed = false;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Add(IndexChange change)
    {
        _waiting.Add(change);
        if (_isWriting)
            return;
        _isWriting = true;
        _ = WriteAsync();
    }

    private async Task WriteAsync()
    {
        while (_waiting.Count > 0)
        {
            await DelayAsync();
            IndexChange[] batch = [.. _waiting];
            _waiting.Clear();
            host.Step();
            foreach (IndexChange change in batch)
                disk.Make(change);
            if (Array.Exists(batch, static change => change.OutlastsPowerLoss) || random.Next(SyncOneIn) == 0)
                disk.Sync();
            foreach (IndexChange change in batch)
                change.Done?.SetResult();
        }
        _isWriting = false;
    }

    /// <summary>What nobody waits for takes its time, until somebody does.</summary>
    private async Task DelayAsync()
    {
        long end = time.GetTimestamp() + random.Next(MostDelayMs) * time.TimestampFrequency / 1000;
        do
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostWriteMs)), time);
        while (time.GetTimestamp() < end && !_isFlushed && !_waiting.Exists(static change => change.Done is not null || change.OutlastsPowerLoss));
    }
}
