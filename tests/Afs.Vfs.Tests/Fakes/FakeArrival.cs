using Afs.Venus.Cache;

namespace Afs.Vfs.Tests;

/// <summary>Content that comes when a test says so.</summary>
internal sealed class FakeArrival : IArrival
{
    private readonly TaskCompletionSource<Failure> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public long ArrivedBytes { get; set; }

    public bool IsComplete => _over.Task is { IsCompletedSuccessfully: true, Result.IsNone: true };

    public bool Has(long endBytes) => IsComplete || endBytes <= ArrivedBytes;

    public async ValueTask<Failure> WaitAsync(long endBytes, CancellationToken cancellation) =>
        Has(endBytes) ? Failure.None : await _over.Task.WaitAsync(cancellation);

    public void Finish(Failure failure) => _over.SetResult(failure);
}
