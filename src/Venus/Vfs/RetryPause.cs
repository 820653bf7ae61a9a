namespace Afs.Venus.Vfs;

/// <summary>
/// Waits for a break that must be on its way: the server has already changed what this client still believes.
/// </summary>
internal static class RetryPause
{
    /// <summary>Together with <see cref="LongestMs"/> a little over a second.</summary>
    public const int MaxAttempts = 32;

    private const int LongestMs = 50;

    /// <summary>Longer with each attempt. False: the asker no longer waits.</summary>
    public static async ValueTask<bool> WaitAsync(int attempt, TimeProvider time, CancellationToken cancellation)
    {
        try
        {
            int waitMs = Math.Min(1 << Math.Min(attempt, 8), LongestMs);
            await Task.Delay(TimeSpan.FromMilliseconds(waitMs), time, cancellation);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
