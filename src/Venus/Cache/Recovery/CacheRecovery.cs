using System.Collections.Concurrent;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// What a daemon that died left dirty. Rules:
///  0. what was sent and is the version that the server has is what the change started from: no other client stored it, though the index doesn't know;
///  1. what doesn't differ from what was fetched or last stored, or from what the server has, is clean;
///  2. what was stored and not touched after that, and lost some of it with the power, is discarded: the server has all of it;
///  3. what was changed and closed is stored, whatever the server has meanwhile: the last closer wins;
///  4. what was changed and never closed is stored if the server still has the version that the change started from, and the machine kept its
///     power: else some writes may be missing, and nobody may get a mixture;
///  5. else it goes to the recovered folder, and the server's version is the file;
///  6. what another client removed meanwhile goes to the recovered folder.
/// Runs in the background of the mount; an open of such a file waits for it.
/// </summary>
internal sealed partial class CacheRecovery(
    VolumeId volume, ContainerTable table, Statuses statuses, ContentStorer storer, ContainerSeals seals, DirtyContainers dirty, RecoveredFolder recovered, CacheFigures figures, ILogger log, CancellationToken stopping)
{
    private readonly ConcurrentDictionary<ContainerId, Lazy<Task<Failure>>> _running = new();

    /// <summary>Decides about one container; concurrent calls share the work. A failure leaves it as it is, for a later call.</summary>
    public async ValueTask<Failure> RecoverAsync(Container container, OperationContext operation)
    {
        Lazy<Task<Failure>> run = _running.GetOrAdd(container.Id, _ => new(() => RunAsync(container)));
        try
        {
            return await run.Value.WaitAsync(operation);
        }
        catch (OperationCanceledException) when (operation.IsInterrupted)
        {
            return FailureKind.Interrupted;
        }
    }

    /// <summary>All of the volume that need it; the first failure.</summary>
    public async ValueTask<Failure> RecoverAllAsync(OperationContext operation)
    {
        Failure failure = Failure.None;
        foreach (Container container in table.Snapshot(volume).Where(static c => c.NeedsRecovery))
        {
            Failure one = await RecoverAsync(container, operation);
            if (failure.IsNone)
                failure = one;
        }
        return failure;
    }

    private async Task<Failure> RunAsync(Container container)
    {
        try
        {
            if (!container.NeedsRecovery)
                return Failure.None;
            if (!container.TryPin())
                return Failure.None;
            try
            {
                Failure failure = await DecideAsync(container);
                if (failure.IsNone || failure.Kind == FailureKind.RemovedMeanwhile)
                    container.Recovered();
                return failure.Kind == FailureKind.RemovedMeanwhile ? Failure.None : failure;
            }
            finally
            {
                table.Unpin(container);
            }
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            LogLost(container.Fid, e.Message);
            table.Drop(container, ContainerFate.Superseded);
            container.Recovered();
            return Failure.None;
        }
        catch (DiskException e)
        {
            LogUnreadable(container.Fid, e.Message);
            return DiskFailures.ToFailure(e);
        }
        finally
        {
            _running.TryRemove(container.Id, out _);
        }
    }

    private async Task<Failure> DecideAsync(Container container)
    {
        if (container.WasSent)
        {
            Failure failure = await FindSentAsync(container);
            if (!failure.IsNone)
                return failure;
        }
        // By its content: its times say nothing of what a mapping wrote, nor of what a loss of power took.
        bool isUntouched = container.IsUntouched();
        if (!await seals.IsContentChangedAsync(container))
        {
            container.Settle();
            dirty.LookSoon(container);
            return Failure.None;
        }
        Result<FetchStatus> status = await statuses.GetAsync(container.Fid, For(container));
        if (!status.IsSuccess && status.Failure != AbortCodes.NoVnode)
            return status.Failure;
        BeforeStore before = container.LookBeforeStore();
        if (status.IsSuccess && await IsStoredAsync(container, status.Value))
        {
            container.Stored(status.Value.DataVersion, status.Value.ContentCrc32C, before, blocks: null);
            dirty.LookSoon(container);
            return Failure.None;
        }
        if (status.IsSuccess && container.MayBeTorn && isUntouched)
        {
            LogDamaged(container.Fid);
            figures.ContentDamaged.Add();
            table.Drop(container, ContainerFate.Superseded);
            return Failure.None;
        }
        if (status.IsSuccess && container.Phase == ContainerPhase.Left && status.Value.DataVersion != container.BaseVersion)
        {
            Park(container, "changed here and never closed, while another client stored a newer version");
            return Failure.None;
        }
        if (status.IsSuccess && container.MayBeTorn)
        {
            Park(container, "changed here and never closed when the power failed: some of it may be missing");
            return Failure.None;
        }
        Failure stored = await storer.StoreAsync(container, For(container));
        if (stored.IsNone)
            LogStored(container.Fid, container.BaseVersion);
        return stored;
    }

    /// <summary>The crash came after the store ran at the server, and before the index knew; somebody who has it open or mapped may have written since.</summary>
    private async ValueTask<Failure> FindSentAsync(Container container)
    {
        Result<FetchStatus> status = await statuses.GetAsync(container.Fid, For(container));
        if (!status.IsSuccess)
            return status.Failure == AbortCodes.NoVnode ? Failure.None : status.Failure;
        if (container.TryStartFrom(status.Value))
            table.Measure(container.Id, container.Baseline.AllocatedBytes);
        return Failure.None;
    }

    /// <summary>As above, of a store whose index had no word of it.</summary>
    private async ValueTask<bool> IsStoredAsync(Container container, FetchStatus status) =>
        status.DataVersion != container.BaseVersion && await seals.HasContentAsync(container, status.LengthBytes, status.ContentCrc32C);

    private OperationContext For(Container container) => new(container.Writer, stopping);

    private void Park(Container container, string reason)
    {
        container.KeepOpen();
        string name = recovered.Park(container.Id, container.Fid, reason);
        figures.Recovered.Add();
        LogParked(container.Fid, name, reason);
        table.Drop(container, ContainerFate.Parked);
        table.Forget(container.Id);
    }

    [LoggerMessage(EventId = 250, Level = LogLevel.Information, Message = "{Fid} was left unstored by a crash; stored as version {Version}")]
    private partial void LogStored(Fid fid, DataVersion version);

    [LoggerMessage(EventId = 254, Level = LogLevel.Warning, Message = "The cached copy of {Fid} is discarded and fetched again: it was stored, and then damaged by a loss of power")]
    private partial void LogDamaged(Fid fid);

    [LoggerMessage(EventId = 251, Level = LogLevel.Warning, Message = "{Fid} was left unstored by a crash; its data is in recovered/{Name}: {Reason}")]
    private partial void LogParked(Fid fid, string name, string reason);

    [LoggerMessage(EventId = 252, Level = LogLevel.Error, Message = "{Fid} was left unstored by a crash, and its container is gone: {Reason}")]
    private partial void LogLost(Fid fid, string reason);

    [LoggerMessage(EventId = 253, Level = LogLevel.Error, Message = "{Fid} was left unstored by a crash, and its container can't be read: {Reason}")]
    private partial void LogUnreadable(Fid fid, string reason);
}

/// <summary>At start: from the index to the table, and files without a row away. Promises are none: all is suspect.</summary>
internal sealed partial class IndexLoader(
    IContainerFiles files, IContainerIndex index, ContainerTable table, ContainerFactory factory, HeldContainers held, bool wasCleanEnd, ILogger log)
{
    public void Load()
    {
        IReadOnlyList<ContainerRecord> records = index.Load();
        HashSet<ContainerId> present = [.. files.List()];
        ulong last = 0;
        // Of two rows of one fid the later one is the current; the earlier one was open at the end.
        foreach (ContainerRecord record in records.OrderBy(static r => r.Id.Value))
        {
            last = Math.Max(last, record.Id.Value);
            if (present.Remove(record.Id))
                Restore(record);
            else
                DropMissing(record);
        }
        foreach (ContainerId orphan in present)
        {
            last = Math.Max(last, orphan.Value);
            if (held.Wants(orphan))
                held.KeepUnlisted(orphan);
            else
                files.Delete(orphan);
        }
        table.StartIdsAfter(new ContainerId(last));
        LogLoaded(table.Count, present.Count);
    }

    private void Restore(ContainerRecord record)
    {
        Container container = factory.Restore(record, wasCleanEnd);
        held.Keep(container);
        table.Restore(container);
    }

    private void DropMissing(ContainerRecord record)
    {
        if (record.State != ContainerState.Clean)
            LogLost(record.Fid);
        index.DeleteLater(record.Id);
    }

    [LoggerMessage(EventId = 260, Level = LogLevel.Information, Message = "{Count} containers are cached; {Orphans} unfinished ones were deleted")]
    private partial void LogLoaded(int count, int orphans);

    [LoggerMessage(EventId = 261, Level = LogLevel.Error, Message = "{Fid} was left unstored, and its container file is missing")]
    private partial void LogLost(Afs.Wire.Fid fid);
}

/// <summary>
/// Containers that the kernel still has open: pinned from the loading of the index until they were taken over. One that is open for writing was never
/// closed, and nothing about it is decided now.
/// </summary>
internal sealed class HeldContainers(IReadOnlyList<HeldContainer> wanted, ContainerTable table, ContainerFactory factory)
{
    private readonly Dictionary<ContainerId, HeldContainer> _wanted = wanted.ToDictionary(static h => h.Id);
    private readonly Dictionary<ContainerId, Container> _kept = [];

    public bool Wants(ContainerId id) => _wanted.ContainsKey(id);

    /// <summary>One from the index.</summary>
    public void Keep(Container container)
    {
        if (!_wanted.TryGetValue(container.Id, out HeldContainer? held))
            return;
        if (held.IsWritten)
            container.Recovered(); // Its writers go on: see Container.GoOnWriting.
        container.TryPin();
        _kept.Add(container.Id, container);
    }

    /// <summary>One that is open, but died with its daemon before the index heard of it: it lives as long as it is open.</summary>
    public void KeepUnlisted(ContainerId id)
    {
        HeldContainer held = _wanted[id];
        Container container = factory.Restore(new ContainerRecord(id, held.Fid, held.BaseVersion, ContainerState.Clean, 0, default, "", Caller.Client), wasCleanEnd: false);
        Keep(container);
        container.Retire(ContainerFate.Superseded);
    }

    public Container? Find(ContainerId id) => _kept.GetValueOrDefault(id);

    public void Release()
    {
        foreach (Container container in _kept.Values)
            table.Unpin(container);
        _kept.Clear();
    }
}
