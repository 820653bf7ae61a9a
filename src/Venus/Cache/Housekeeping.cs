using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The cache's only background loop: once a second it begins what is due, for the cache folder and for each volume. What may wait for a server runs beside it, each duty one at
/// a time, so that a silent server delays no other duty.
/// </summary>
internal sealed class Housekeeping(CacheRoom room, VolumeTable volumes, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    private readonly Duties _duties = new(log);

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
        await Task.WhenAll([_duties.WhenEndedAsync(), .. volumes.All.Select(static volume => volume.WhenIdleAsync())]);
    }

    private void BeginDue(OperationContext operation)
    {
        _duties.Begin("room", room.KeepLimitsAsync);
        foreach (Volume volume in volumes.All)
            volume.BeginDue(operation);
    }
}

/// <summary>What goes on by itself for one volume.</summary>
internal sealed class VolumeDuties(
    VolumeId volume, CachedIncarnation incarnation, DirtyContainers dirty, VolumeStatuses statuses, VolumeContents contents, ILogger log)
{
    /// <summary>What changes again and again is written seldom.</summary>
    private const int BeatsPerSave = 5;

    private readonly Duties _duties = new(log);
    private int _beats;
    private int _needsRevalidation;
    private int _needsRecovery = 1;

    /// <summary>All became suspect. May be called from any thread.</summary>
    public void RevalidateSoon()
    {
        Volatile.Write(ref _needsRevalidation, 1);
        Volatile.Write(ref _needsRecovery, 1);
    }

    /// <summary>Once a beat.</summary>
    public void BeginDue(OperationContext operation)
    {
        contents.Retries.BeginDue(operation);
        _duties.Begin("written", () => contents.Written.LookAsync(operation));
        _duties.Begin("give-ups", () => statuses.GiveUps.SendAsync(operation));
        _duties.Begin("unnamed", () => contents.Unnamed.ReleaseAsync(operation));
        _duties.Begin("revalidation", () => RevalidateAsync(operation));
        _duties.Begin("recovery", () => RecoverAsync(operation));
        if (++_beats % BeatsPerSave == 0)
            _duties.Begin("saving", () => statuses.Saver.SaveAsync(isLast: false, operation));
    }

    public Task WhenEndedAsync() => _duties.WhenEndedAsync();

    private async Task RevalidateAsync(OperationContext operation)
    {
        if (Interlocked.Exchange(ref _needsRevalidation, 0) == 0)
            return;
        dirty.HurryStores(volume);
        if (!(await incarnation.RevalidateAsync(operation)).IsNone)
            Volatile.Write(ref _needsRevalidation, 1);
    }

    private async Task RecoverAsync(OperationContext operation)
    {
        if (Interlocked.Exchange(ref _needsRecovery, 0) == 0)
            return;
        if (!(await contents.Recovery.RecoverAllAsync(operation)).IsNone)
            Volatile.Write(ref _needsRecovery, 1);
    }
}

/// <summary>Duties by name, each run one at a time. Belongs to one loop.</summary>
internal sealed partial class Duties(ILogger log)
{
    private readonly Dictionary<string, Task> _running = [];

    /// <summary>Nothing where it still runs.</summary>
    public void Begin(string duty, Func<Task> run)
    {
        if (_running.TryGetValue(duty, out Task? before) && !before.IsCompleted)
            return;
        _running[duty] = GuardAsync(duty, run);
    }

    public Task WhenEndedAsync() => Task.WhenAll(_running.Values);

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
