using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Hosting;

/// <summary>
/// What a server does once a second: its sweep, and the sign of life for the service manager. Neither waits for the other: a sweep takes as long as what is
/// due, and only one runs at a time. A server whose writer or whose sweep broke ends at once, whatever still runs.
/// </summary>
/// <param name="sweep">Runs on the thread pool.</param>
/// <param name="alive">Tells the service manager; must not wait.</param>
/// <param name="broken">Ends when the server can't go on.</param>
public sealed partial class Housekeeping(Func<Task> sweep, Action alive, Task<Exception> broken, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Until the server is told to stop, and its last sweep has ended: null; or can't go on: why.</summary>
    public async Task<Exception?> RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        Task<Exception?> sweeping = Task.FromResult<Exception?>(null);
        try
        {
            while (true)
            {
                Task tick = timer.WaitForNextTickAsync(stop).AsTask();
                await Task.WhenAny(tick, broken);
                if (broken.IsCompleted)
                    return await broken;
                await tick;
                if (sweeping.IsCompleted)
                {
                    if (await sweeping is { } failure)
                        return failure;
                    sweeping = Task.Run(SweepAsync, CancellationToken.None);
                }
                alive();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return await sweeping;
        }
    }

    /// <summary>Null, or why the server can't go on.</summary>
    private async Task<Exception?> SweepAsync()
    {
        try
        {
            await sweep();
        }
        catch (Exception e) when (e is StorageException or DiskException)
        {
            LogSweepFailed(log, e.Message);
        }
        catch (CallUnansweredException)
        {
            // The writer has ended, and says why by itself.
        }
        catch (Exception e)
        {
            return e;
        }
        return null;
    }

    [LoggerMessage(EventId = 4005, Level = LogLevel.Error, Message = "Housekeeping failed and is tried again: {Reason}")]
    private static partial void LogSweepFailed(ILogger log, string reason);
}
