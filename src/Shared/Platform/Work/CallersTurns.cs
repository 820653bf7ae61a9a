namespace Afs.Platform;

/// <summary>
/// Short disk work on its callers' threads, as long as no more than so many of them are in it at once; what comes beyond goes to threads that may wait. So a read that the page
/// cache answers costs no change of threads, and a disk that has become slow holds so many of the callers' threads at most.
/// </summary>
/// <param name="others">Threads that may wait for the disk.</param>
/// <param name="most">Callers' threads.</param>
public sealed class CallersTurns(IBlockingWork others, int most)
{
    private int _inside;

    /// <summary>Callers that are in it now.</summary>
    public int Inside => Volatile.Read(ref _inside);

    /// <summary>What the work throws comes out as an exception of this call, or of its task.</summary>
    public ValueTask<T> RunAsync<T>(Func<T> work)
    {
        if (Interlocked.Increment(ref _inside) > most)
        {
            Interlocked.Decrement(ref _inside);
            return new ValueTask<T>(others.RunAsync(work));
        }

        try
        {
            return ValueTask.FromResult(work());
        }
        finally
        {
            Interlocked.Decrement(ref _inside);
        }
    }
}
