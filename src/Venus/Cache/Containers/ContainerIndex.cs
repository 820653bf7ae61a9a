using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// What container files are, on disk. Owned by the content cache; changes of one container are made in the order of the calls.
/// </summary>
internal interface IContainerIndex : IAsyncDisposable
{
    /// <summary>All rows, once, before the first change.</summary>
    IReadOnlyList<ContainerRecord> Load();

    /// <summary>
    /// Writes or replaces a row; complete when a crash of this process can't lose it. A crash of
    /// the machine can: then the daemon, the writers and their open files died too, and a container whose row says Clean is checked by its checksum.
    /// But what a row that says Dirty tells of is stored unchecked, so the end of that must be asked to outlast a loss of power.
    /// May be called under a lock: it waits for no disk.
    /// </summary>
    /// <exception cref="Afs.Platform.DiskException">The disk is full or failed; the row is as it was so far, and stays to be written, unless a later change takes its place.</exception>
    ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss = false);

    /// <summary>As <see cref="PutAsync"/>, some time soon. What can't be written is tried again until it is.</summary>
    void PutLater(ContainerRecord record, bool outlastsPowerLoss = false);

    void DeleteLater(ContainerId id);

    /// <summary>Completes when all earlier changes were made, also those that could not be written before.</summary>
    /// <exception cref="Afs.Platform.DiskException">Some still could not.</exception>
    ValueTask FlushAsync();

    /// <summary>Changes that could not be written yet.</summary>
    int UnwrittenCount { get; }

    /// <summary>Why the disk refuses changes; null: all are written, or on their way.</summary>
    string? Trouble { get; }
}

/// <summary>One row of the index.</summary>
/// <param name="Base">The version that the content is, or that its changes started from.</param>
/// <param name="Crc32C">Of the content as fetched or last stored; as last sent where the state is <see cref="ContainerState.Storing"/>.</param>
/// <param name="Baseline">The file as it was then: content that differs from it was changed here. A change time of zero differs always.</param>
/// <param name="BootId">The boot of the machine in which the row was written: after another one the disk may have lost writes.</param>
/// <param name="Writer">Who opened it for writing last: it is stored for him.</param>
internal sealed record ContainerRecord(
    ContainerId Id, Fid Fid, DataVersion Base, ContainerState State, uint Crc32C, ContainerStat Baseline, string BootId, Caller Writer);

/// <summary>What was sent to the server, by a store whose end the index doesn't know.</summary>
/// <param name="At">The file when it was read.</param>
internal readonly record struct SentContent(ContainerStat At, uint Crc32C);

/// <summary>A row to be written; null: to be deleted.</summary>
/// <param name="OutlastsPowerLoss">The commit waits for the disk.</param>
internal readonly record struct IndexRow(ContainerRecord? Record, bool OutlastsPowerLoss);

/// <summary>
/// Changes of the index on their way to the disk. Belongs to one index, under whose lock it is used.
///
/// RULES:
///  1. Of each container the last change counts, so there are never more than there are containers.
///  2. A change that could not be written is not lost: it stays, until an attempt succeeds or a newer change of its container takes its place.
///  3. What must outlast a loss of power says so until it is written, also where a newer change takes its place: for what the disk still says is what is wrong.
///  4. Who waits for a change is told how its first attempt ended.
/// </summary>
internal sealed class IndexChanges
{
    private readonly Dictionary<ContainerId, IndexRow> _unwritten = [];
    private IndexBatch _waiting = new();

    public bool IsEmpty => _waiting.Rows.Count == 0 && !HasWaiters;

    public bool HasWaiters => _waiting.HasWaiters;

    /// <summary>Somebody waits, or it mustn't wait.</summary>
    public bool IsUrgent => _waiting.OutlastsPowerLoss || HasWaiters;

    public bool OutlastsPowerLoss => _waiting.OutlastsPowerLoss;

    /// <summary>Changes that could not be written, and that no attempt is made at now.</summary>
    public int UnwrittenCount => _unwritten.Count;

    public void Add(ContainerId id, ContainerRecord? record, bool outlastsPowerLoss)
    {
        if (_unwritten.Remove(id, out IndexRow before))
            outlastsPowerLoss |= before.OutlastsPowerLoss;
        _waiting.Set(id, new IndexRow(record, outlastsPowerLoss));
    }

    /// <summary>Ends as the first attempt at the last change of this container.</summary>
    public Task WhenMade(ContainerId id) => _waiting.Await(id);

    /// <summary>Ends as the next attempt at all that there is.</summary>
    public Task WhenAllMade()
    {
        AddUnwritten();
        return _waiting.Await(null);
    }

    /// <summary>What could not be written goes with the next batch.</summary>
    public void AddUnwritten()
    {
        foreach ((ContainerId id, IndexRow row) in _unwritten)
            _waiting.Set(id, row);
        _unwritten.Clear();
    }

    /// <summary>All that waits. To be settled before the next is taken.</summary>
    public IndexBatch Take()
    {
        (IndexBatch taken, _waiting) = (_waiting, new IndexBatch());
        return taken;
    }

    /// <summary>An attempt ended; the rows in <see cref="IndexBatch.Failures"/> could not be written.</summary>
    public void Settle(IndexBatch batch)
    {
        foreach (ContainerId id in batch.Failures.Keys)
        {
            IndexRow row = batch.Rows[id];
            if (!_waiting.TryInherit(id, row))
                _unwritten[id] = row;
        }
    }
}

/// <summary>Changes that one attempt makes, and who waits for them.</summary>
internal sealed class IndexBatch
{
    private readonly Dictionary<ContainerId, IndexRow> _rows = [];
    private readonly Dictionary<ContainerId, DiskException> _failures = [];
    private readonly List<(ContainerId? Id, TaskCompletionSource Done)> _waiters = [];

    public IReadOnlyDictionary<ContainerId, IndexRow> Rows => _rows;

    /// <summary>Those that could not be written.</summary>
    public IReadOnlyDictionary<ContainerId, DiskException> Failures => _failures;

    public bool OutlastsPowerLoss { get; private set; }

    public bool HasWaiters => _waiters.Count > 0;

    public void Set(ContainerId id, IndexRow row)
    {
        bool outlasts = row.OutlastsPowerLoss || _rows.TryGetValue(id, out IndexRow before) && before.OutlastsPowerLoss;
        _rows[id] = row with { OutlastsPowerLoss = outlasts };
        OutlastsPowerLoss |= outlasts;
    }

    /// <summary>False: there is no newer change of the container here.</summary>
    public bool TryInherit(ContainerId id, IndexRow failed)
    {
        if (!_rows.TryGetValue(id, out IndexRow newer))
            return false;
        Set(id, newer with { OutlastsPowerLoss = newer.OutlastsPowerLoss || failed.OutlastsPowerLoss });
        return true;
    }

    public Task Await(ContainerId? id)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiters.Add((id, done));
        return done.Task;
    }

    public void Fail(ContainerId id, DiskException failure) => _failures[id] = failure;

    public void FailAll(DiskException failure)
    {
        foreach (ContainerId id in _rows.Keys)
            _failures[id] = failure;
    }

    /// <summary>Tells those who wait. Under no lock.</summary>
    public void Complete()
    {
        foreach ((ContainerId? id, TaskCompletionSource done) in _waiters)
        {
            DiskException? failure = id is { } one ? _failures.GetValueOrDefault(one) : _failures.Values.FirstOrDefault();
            if (failure is null)
                done.SetResult();
            else
                done.SetException(failure);
        }
    }
}
