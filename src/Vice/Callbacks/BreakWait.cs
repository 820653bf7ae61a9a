using Afs.Platform;

namespace Afs.Vice.Callbacks;

/// <summary>What one mutation waits for: a number of holders. Counts down from any thread.</summary>
internal sealed class BreakWait
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // One for the owner, who releases it when all are added.
    private int _remaining = 1;

    public BreakWait() => Done = _done.Task.ContinueHere();

    public Task Done { get; }

    public void Add() => Interlocked.Increment(ref _remaining);

    public void Release()
    {
        if (Interlocked.Decrement(ref _remaining) == 0)
            _done.SetResult();
    }
}
