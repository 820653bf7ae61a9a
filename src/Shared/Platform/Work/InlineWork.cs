namespace Afs.Platform;

/// <summary>Runs the work at once on the caller's thread: for tests and simulation, where all is one thread.</summary>
public sealed class InlineWork : IBlockingWork
{
    public Task<T> RunAsync<T>(Func<T> work)
    {
        try
        {
            return Task.FromResult(work());
        }
        catch (Exception e)
        {
            return Task.FromException<T>(e);
        }
    }
}
