namespace Afs.Platform;

/// <summary>Blocking disk work on the thread pool, a few at a time, so that the pool keeps threads for calls.</summary>
public sealed class BlockingPool(int most) : IBlockingWork, IDisposable
{
    private readonly SemaphoreSlim _turns = new(most);

    public async Task<T> RunAsync<T>(Func<T> work)
    {
        await _turns.WaitAsync();
        try
        {
            return await Task.Run(work);
        }
        finally
        {
            _turns.Release();
        }
    }

    public void Dispose() => _turns.Dispose();
}
