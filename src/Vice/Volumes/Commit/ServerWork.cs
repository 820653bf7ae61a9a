using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;

namespace Afs.Vice.Volumes.Commit;

/// <summary>A change that the server makes for itself: sessions, replies that were seen, versions kept long enough.</summary>
internal sealed class ServerWork<T>(Func<IMetadataTransaction, BatchVolumes, T> run) : QueuedWork
{
    private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _result;
    private StorageException? _failure;

    /// <summary>Faults with <see cref="StorageException"/>, where nothing was changed.</summary>
    public Task<T> Done => _done.Task;

    internal override void Run(IMetadataTransaction transaction, BatchVolumes volumes) => _result = run(transaction, volumes);

    internal override void Committed()
    {
    }

    internal override void Failed(StorageException failure) => _failure = failure;

    internal override void Complete()
    {
        if (_failure is null)
            _done.SetResult(_result!);
        else
            _done.SetException(_failure);
    }
}
