namespace Afs.Rpc;

/// <summary>
/// A fixed number of slots, given out in the order of asking. Unlike SemaphoreSlim it continues its waiters only where they asked from,
/// so that a run on virtual time stays on its thread.
/// </summary>
public sealed class SlotQueue(int slots)
{
    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private int _free = slots;

    /// <summary>Waits for a slot. Who has one gives it back by <see cref="Release"/>.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled before a slot was free.</exception>
    public async ValueTask TakeAsync(CancellationToken cancellation)
    {
        TaskCompletionSource waiter;
        lock (_gate)
        {
            if (_free > 0)
            {
                _free--;
                return;
            }

            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiter);
        }

        using (cancellation.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), waiter))
            await waiter.Task;
    }

    /// <summary>Gives a slot to who waits longest, if anybody does.</summary>
    public void Release()
    {
        lock (_gate)
        {
            while (_waiting.TryDequeue(out TaskCompletionSource? waiter))
            {
                if (waiter.TrySetResult())
                    return;
            }

            _free++;
        }
    }
}
