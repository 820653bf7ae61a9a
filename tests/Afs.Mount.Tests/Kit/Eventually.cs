namespace Afs.Mount.Tests.Kit;

/// <summary>Waits for what comes by itself; running out of time is a failure, never a result.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    public static async Task<bool> IsAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
        {
            if (patience.IsCancellationRequested)
                return false;
            await Task.Delay(Interval, CancellationToken.None);
        }

        return true;
    }
}
