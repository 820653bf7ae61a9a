using System.Collections.Concurrent;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// What a daemon that died left dirty. Rules:
///  1. what doesn't differ from what was fetched or last stored, or from what the server has, is clean;
///  2. what was changed and closed is stored, whatever the server has meanwhile: the last closer wins;
///  3. what was changed and never closed is stored if the server still has the version that the change started from, and the machine kept its
///     power: else some writes may be missing, and nobody may get a mixture;
///  4. else it goes to the recovered folder, and the server's version is the file;
///  5. what another client removed meanwhile goes to the recovered folder.
/// Runs in the background of the mount; an open of such a file waits for it.
/// </summary>
internal sealed partial class CacheRecovery(
    ContainerTable table, Statuses statuses, ContentStorer storer, RecoveredFolder recovered, CacheFigures figures, ILogger log, CancellationToken stopping)
{
    private readonly ConcurrentDictionary<ContainerId, Lazy<Task<Failure>>> _running = new();

    /// <summary>Decides about one container; concurrent calls share the work. A failure leaves it as it is, for a later call.</summary>
    public async ValueTask<Failure> RecoverAsync(Container container, CancellationToken cancellation)
    {
        Lazy<Task<Failure>> run = _running.GetOrAdd(container.Id, _ => new(() => RunAsync(container)));
        try
        {
            return await run.Value.WaitAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return FailureKind.Interrupted;
        }
    }

    /// <summary>All that need it; the first failure.</summary>
    public async ValueTask<Failure> RecoverAllAsync(CancellationToken cancellation)
    {
        Failure failure = Failure.None;
        foreach (Container container in table.Snapshot().Where(static c => c.NeedsRecovery))
        {
            Failure one = await RecoverAsync(container, cancellation);
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
                    container.NeedsRecovery = false;
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
            container.NeedsRecovery = false;
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
        if (IsUnchanged(container))
        {
            container.SettleUnchanged();
            return Failure.None;
        }
        Result<FetchStatus> status = await statuses.GetAsync(container.Fid, stopping);
        if (!status.IsSuccess && status.Failure != AbortCodes.NoVnode)
            return status.Failure;
        if (status.IsSuccess && IsStored(container, status.Value))
        {
            container.Stored(status.Value.DataVersion, status.Value.ContentCrc32C, container.GetStat(), blocks: null);
            return Failure.None;
        }
        if (status.IsSuccess && container.State == ContainerState.Writing && status.Value.DataVersion != container.BaseVersion)
        {
            Park(container, "changed here and never closed, while another client stored a newer version");
            return Failure.None;
        }
        if (status.IsSuccess && container.MayBeTorn)
        {
            Park(container, "changed here and never closed when the power failed: some of it may be missing");
            return Failure.None;
        }
        container.NeedsVerify = false;
        Failure stored = await storer.StoreAsync(container, killSetId: false, stopping);
        if (stored.IsNone)
            LogStored(container.Fid, container.BaseVersion);
        return stored;
    }

    /// <summary>By its times where no power was lost; else by its content.</summary>
    private static bool IsUnchanged(Container container)
    {
        if (container.Baseline == default)
            return false;
        return container.NeedsVerify
            ? HasContent(container, container.Baseline.LengthBytes, container.Crc32C)
            : !container.GetStat().Differs(container.Baseline);
    }

    /// <summary>The crash came after the store ran at the server, and before the index knew.</summary>
    private static bool IsStored(Container container, FetchStatus status) =>
        status.DataVersion != container.BaseVersion && HasContent(container, status.LengthBytes, status.ContentCrc32C);

    private static bool HasContent(Container container, long lengthBytes, uint crc32C)
    {
        try
        {
            return container.GetStat().LengthBytes == lengthBytes && ContainerReader.Checksum(container.File, lengthBytes) == crc32C;
        }
        catch (ShrunkException)
        {
            return false;
        }
    }

    private void Park(Container container, string reason)
    {
        string name = recovered.Park(container.Id, container.Fid, reason);
        figures.Recovered.Add();
        LogParked(container.Fid, name, reason);
        table.Drop(container, ContainerFate.Parked);
        table.Forget(container.Id);
    }

    [LoggerMessage(EventId = 250, Level = LogLevel.Information, Message = "{Fid} was left unstored by a crash; stored as version {Version}")]
    private partial void LogStored(Fid fid, DataVersion version);

    [LoggerMessage(EventId = 251, Level = LogLevel.Warning, Message = "{Fid} was left unstored by a crash; its data is in recovered/{Name}: {Reason}")]
    private partial void LogParked(Fid fid, string name, string reason);

    [LoggerMessage(EventId = 252, Level = LogLevel.Error, Message = "{Fid} was left unstored by a crash, and its container is gone: {Reason}")]
    private partial void LogLost(Fid fid, string reason);

    [LoggerMessage(EventId = 253, Level = LogLevel.Error, Message = "{Fid} was left unstored by a crash, and its container can't be read: {Reason}")]
    private partial void LogUnreadable(Fid fid, string reason);
}
