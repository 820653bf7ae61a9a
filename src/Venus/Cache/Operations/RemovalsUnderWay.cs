namespace Afs.Venus.Cache;

/// <summary>Counts removals by this client that have no reply yet, so that a store that finds its vnode gone can tell whose doing it was.</summary>
internal sealed class RemovalsUnderWay
{
    private readonly Lock _lock = new();
    private int _count;
    private TaskCompletionSource? _settled;

    public void Begin()
    {
        lock (_lock)
            _count++;
    }

    public void End()
    {
        lock (_lock)
        {
            if (--_count > 0)
                return;
            _settled?.SetResult();
            _settled = null;
        }
    }

    /// <summary>Completes when there is a moment without any. Bounded by the deadlines of the calls.</summary>
    public ValueTask SettledAsync()
    {
        lock (_lock)
        {
            if (_count == 0)
                return ValueTask.CompletedTask;
            _settled ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_settled.Task);
        }
    }
}
