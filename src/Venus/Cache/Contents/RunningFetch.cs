namespace Afs.Venus.Cache;

/// <summary>A fetch that several may wait for: until all is there, or until it can be read from its beginning.</summary>
internal sealed class RunningFetch
{
    private readonly TaskCompletionSource<Result<Container>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Result<Container>> _readable = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<Result<Container>> Done => _done.Task;

    /// <summary>As <see cref="Done"/>, or earlier with a container whose content still arrives.</summary>
    public Task<Result<Container>> Readable => _readable.Task;

    /// <summary>What was announced will never be complete. The fetch may go on all the same, with another round.</summary>
    public bool HasFailedArrival => _readable.Task is { IsCompletedSuccessfully: true, Result: { IsSuccess: true, Value.Arrival.HasFailed: true } };

    public void Announce(Container arriving) => _readable.TrySetResult(arriving);

    public void Finish(Result<Container> result)
    {
        _readable.TrySetResult(result);
        _done.SetResult(result);
    }

    /// <summary>A broken invariant, for whoever waits.</summary>
    public void Fail(Exception e)
    {
        _readable.TrySetException(e);
        _done.SetException(e);
    }
}
