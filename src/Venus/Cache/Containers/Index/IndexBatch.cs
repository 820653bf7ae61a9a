namespace Afs.Venus.Cache;

/// <summary>
/// Changes of the index that one transaction makes: of each container the last one, so that they are never more than there are containers. Belongs to
/// its index, under whose lock it is filled.
/// </summary>
internal sealed class IndexBatch
{
    private readonly Dictionary<ContainerId, ContainerRecord?> _rows = [];
    private readonly List<TaskCompletionSource> _waiters = [];

    /// <summary>The rows to write; null: to delete.</summary>
    public IReadOnlyDictionary<ContainerId, ContainerRecord?> Rows => _rows;

    /// <summary>The commit waits for the disk.</summary>
    public bool OutlastsPowerLoss { get; private set; }

    public bool IsEmpty => _rows.Count == 0 && _waiters.Count == 0;

    /// <summary>Somebody waits for it, or it mustn't wait.</summary>
    public bool IsUrgent => OutlastsPowerLoss || _waiters.Count > 0;

    public void Set(ContainerId id, ContainerRecord? record, bool outlastsPowerLoss)
    {
        _rows[id] = record;
        OutlastsPowerLoss |= outlastsPowerLoss;
    }

    /// <summary>Ends as the batch does.</summary>
    public Task WhenMade()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiters.Add(done);
        return done.Task;
    }

    public void Complete(Exception? failure)
    {
        foreach (TaskCompletionSource waiter in _waiters)
        {
            if (failure is null)
                waiter.SetResult();
            else
                waiter.SetException(failure);
        }
    }
}
