namespace Afs.Daemons;

/// <summary>
/// Tells the service manager that the process lives, twice in the time that the manager waits (WATCHDOG_USEC of sd_watchdog_enabled(3)),
/// each time after <c>proof</c> has returned. So a process that hangs where the proof looks falls silent and is started again.
/// </summary>
public sealed class Watchdog : IAsyncDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Task _work;

    private Watchdog(ServiceNotifier notifier, TimeSpan interval, Action proof, TimeProvider time) =>
        _work = RunAsync(notifier, interval, proof, time, _end.Token);

    /// <summary>Null: the manager asks for none.</summary>
    /// <param name="waitText">WATCHDOG_USEC's value: microseconds.</param>
    public static Watchdog? Start(ServiceNotifier notifier, string? waitText, Action proof, TimeProvider time)
    {
        if (!notifier.IsHeard || !long.TryParse(waitText, out long waitMicroseconds) || waitMicroseconds <= 0)
            return null;
        TimeSpan interval = TimeSpan.FromMicroseconds(Math.Min(waitMicroseconds, TimeSpan.MicrosecondsPerDay) / 2.0);
        return new Watchdog(notifier, interval, proof, time);
    }

    /// <summary>The one of this process's environment.</summary>
    public static Watchdog? StartFromEnvironment(ServiceNotifier notifier, Action proof) =>
        Start(notifier, Environment.GetEnvironmentVariable("WATCHDOG_USEC"), proof, TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _work;
        _end.Dispose();
    }

    private static async Task RunAsync(ServiceNotifier notifier, TimeSpan interval, Action proof, TimeProvider time, CancellationToken end)
    {
        await Task.Yield();
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            do
            {
                proof();
                notifier.Alive();
            }
            while (await timer.WaitForNextTickAsync(end));
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The service ends.
        }
    }
}
