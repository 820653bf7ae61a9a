using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The cache's only background loop: once a second it begins what is due. What may wait for the server runs beside it, each duty one at
/// a time, so that a silent server delays no other duty.
/// </summary>
internal sealed partial class Housekeeping(
    Func<OperationContext, Task<Failure>> revalidate, ContainerStore store, VolumeStatuses statuses, VolumeContents contents, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    /// <summary>What changes again and again is written seldom.</summary>
    private const int BeatsPerSave = 5;

    private readonly Dictionary<string, Task> _running = [];
    private int _beats;
    private int _needsRevalidation;
    private int _needsRecovery = 1;

    /// <summary>All became suspect. May be called from any thread.</summary>
    public void RevalidateSoon()
    {
        Volatile.Write(ref _needsRevalidation, 1);
        Volatile.Write(ref _needsRecovery, 1);
    }

    /// <summary>Runs until cancelled, then waits for what it began.</summary>
    public async Task RunAsync(OperationContext operation)
    {
        using var timer = new PeriodicTimer(Beat, time);
        try
        {
            do
                BeginDue(operation);
            while (await timer.WaitForNextTickAsync(operation));
        }
        catch (OperationCanceledException) when (operation.IsInterrupted)
        {
            // The end of the mount.
        }
        await Task.WhenAll(_running.Values);
    }

    private void BeginDue(OperationContext operation)
    {
        contents.Retries.BeginDue(operation);
        Begin("written", () => contents.Written.LookAsync(operation));
        Begin("room", store.Room.KeepLimitsAsync);
        Begin("give-ups", () => statuses.GiveUps.SendAsync(operation));
        Begin("unnamed", () => contents.Unnamed.ReleaseAsync(operation));
        Begin("revalidation", () => RevalidateAsync(operation));
        Begin("recovery", () => RecoverAsync(operation));
        if (++_beats % BeatsPerSave == 0)
            Begin("saving", () => statuses.Saver.SaveAsync(isLast: false, operation));
    }

    private async Task RevalidateAsync(OperationContext operation)
    {
        if (Interlocked.Exchange(ref _needsRevalidation, 0) == 0)
            return;
        store.Dirty.HurryStores();
        if (!(await revalidate(operation)).IsNone)
            Volatile.Write(ref _needsRevalidation, 1);
    }

    private async Task RecoverAsync(OperationContext operation)
    {
        if (Interlocked.Exchange(ref _needsRecovery, 0) == 0)
            return;
        if (!(await contents.Recovery.RecoverAllAsync(operation)).IsNone)
            Volatile.Write(ref _needsRecovery, 1);
    }

    private void Begin(string duty, Func<Task> run)
    {
        if (_running.TryGetValue(duty, out Task? before) && !before.IsCompleted)
            return;
        _running[duty] = GuardAsync(duty, run);
    }

    /// <summary>A duty that fails is logged, and tried again at the next beat.</summary>
    private async Task GuardAsync(string duty, Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (OperationCanceledException)
        {
            // The end of the mount.
        }
        catch (Exception e)
        {
            LogFailed(duty, e);
        }
    }

    [LoggerMessage(EventId = 280, Level = LogLevel.Error, Message = "Housekeeping of the cache failed: {Duty}")]
    private partial void LogFailed(string duty, Exception e);
}
