using System.Diagnostics;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Stores changed containers at the server. One store of a container at a time; whoever asks meanwhile waits for it and looks again. A store
/// goes on when those who wait are interrupted. What fails stays dirty.
/// </summary>
internal sealed partial class ContentStorer(
    ViceCalls calls, Statuses statuses, IContainerFiles files, ContainerTable table, ContainerSeals seals, DirtyContainers dirty, RemovalsUnderWay removals, RecoveredFolder recovered,
    Random random, TransferTurns turns, CacheFigures figures, StorePlanner planner, BlockHashKey hashKey, LockFences fences, IBlockingWork work, ILogger log, CancellationToken stopping)
{
    /// <summary>Rounds for an upload that the server forgot, a base that is gone, or a file that is truncated while it is read.</summary>
    private const int MostRounds = 8;

    /// <summary>Stores the container, which the caller keeps pinned, if it changed.</summary>
    public ValueTask<Failure> StoreAsync(Container container, OperationContext operation) =>
        StoreIfChangedAsync(container, mustBeClosed: false, operation);

    /// <summary>
    /// As above, for nobody's close: Interrupted where somebody has it open for writing, or opens it before all of it was read. What he has
    /// half written is no version (S2), and his close stores it.
    /// </summary>
    public ValueTask<Failure> StoreClosedAsync(Container container, OperationContext operation) =>
        StoreIfChangedAsync(container, mustBeClosed: true, operation);

    private async ValueTask<Failure> StoreIfChangedAsync(Container container, bool mustBeClosed, OperationContext operation)
    {
        try
        {
            while (true)
            {
                if (container.IsRemovedHere)
                    return Failure.None;
                if (container.IsParked)
                    return container.IsLockLost ? AbortCodes.LockLost : container.IsDamaged ? FailureKind.CacheDiskFailed : FailureKind.RemovedMeanwhile;
                if (!await seals.IsChangedAsync(container))
                {
                    container.Settle();
                    return Failure.None;
                }
                container.NoteChanged();
                int? begun = mustBeClosed ? container.WritesBegun : null;
                if (mustBeClosed && container.HasWriters)
                    return FailureKind.Interrupted;
                // Those who wait go on where the store ends, which does nothing more.
                var mine = new TaskCompletionSource<Failure>();
                Task<Failure>? running = container.BeginStore(mine.Task);
                if (running is null)
                {
                    BackgroundWork.Start("storing a file", () => RunAsync(container, begun, mine));
                    return await mine.Task.WaitAsync(operation);
                }
                // It may have read the content before this caller's last write: look again afterwards.
                await running.WaitAsync(operation);
            }
        }
        catch (DiskException e)
        {
            return DiskFailures.ToFailure(e);
        }
        catch (OperationCanceledException) when (operation.IsInterrupted)
        {
            return FailureKind.Interrupted;
        }
    }

    /// <param name="begun">Null, or how often it was opened for writing so far: once more, and this store gives up.</param>
    private async Task RunAsync(Container container, int? begun, TaskCompletionSource<Failure> mine)
    {
        // The pin is this store's own: those who asked may have gone.
        if (!container.TryPin())
            throw new UnreachableException($"Container {container.Id} is stored without being pinned.");
        Failure failure;
        try
        {
            failure = await StoreNowAsync(container, begun);
            if (!failure.IsNone && failure.Kind != FailureKind.Interrupted)
                await NoteFailureAsync(container, failure);
        }
        catch (DiskException e)
        {
            LogDiskFailed(container.Fid, e.Message);
            if (!container.NeedsRecovery)
                dirty.StoreLater(container);
            failure = DiskFailures.ToFailure(e);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            failure = FailureKind.ShuttingDown;
        }
        catch (Exception e)
        {
            Finish(container);
            mine.SetException(e);
            return;
        }
        Finish(container);
        mine.SetResult(failure);
    }

    private void Finish(Container container)
    {
        container.EndStore();
        table.Unpin(container);
    }

    private async Task<Failure> StoreNowAsync(Container container, int? begun)
    {
        // Small ones share the server's commits, the more the better; by the length that it has now, for it may still be written.
        SemaphoreSlim turn = container.GetStat().LengthBytes <= Limits.InlineContentBytes ? turns.SmallStores : turns.Stores;
        await turn.WaitAsync(stopping);
        try
        {
            Failure failure = Failure.None;
            for (int round = 0; round < MostRounds; round++)
            {
                try
                {
                    failure = await StoreOnceAsync(container, begun);
                }
                catch (ShrunkException)
                {
                    continue;
                }
                if (failure == AbortCodes.VersionGone || failure == AbortCodes.ChecksumMismatch)
                    container.ForgetBlocks(); // The server has another content than these changes started from.
                else if (failure != AbortCodes.NoUpload)
                    return failure;
            }
            return failure.IsNone ? FailureKind.CacheDiskFailed : failure;
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<Failure> StoreOnceAsync(Container container, int? begun)
    {
        // The order matters: what changes after the look at the file is read, or found by comparing with it.
        BeforeStore before = container.LookBeforeStore();
        ContainerStat at = before.Stat;
        var request = new StoreDataRequest
        {
            Fid = container.Fid,
            Base = container.BaseVersion,
            LengthBytes = at.LengthBytes,
            Crc32C = 0,
            AllocatedBytes = at.AllocatedBytes,
            ModifyTime = at.ModifyTime,
            ChangeTime = at.ChangeTime,
            Fence = fences.Of(container.Fid),
        };
        Result<FilledStore> filled = at.LengthBytes <= Limits.InlineContentBytes
            ? Inline(new ProtectedFile(container.File, files), request)
            : await PlannedAsync(container, request);
        if (!filled.IsSuccess)
            return filled.Failure;
        if (begun is not null && container.WritesBegun != begun)
            return FailureKind.Interrupted;
        // After all was read: what a write-back lost before shows by now, and what it loses later was read before.
        if (container.HasLostWrites())
            return ParkDamaged(container);
        request = filled.Value.Request;
        await MarkStoringAsync(container, at, request.Crc32C);
        if (container.IsDisownedSince(before))
            return AbortCodes.VersionGone; // Once more, over the version that it is really made from.
        CallMark mark = statuses.Mark();
        Result<StoreDataReply> reply = await calls.MutateAsync((vice, context) => vice.StoreDataAsync(request, context), For(container));
        if (!reply.IsSuccess)
            return reply.Failure == AbortCodes.NoVnode ? await RemovedAsync(container) : reply.Failure == AbortCodes.LockLost ? ParkUnlocked(container, request.Fence) : reply.Failure;
        FetchStatus status = reply.Value.Status;
        if (status.Fid != container.Fid)
            return (Failure)FailureKind.ServerMisbehaved;
        Count(reply.Value, filled.Value);
        // First the status, then the container: in between it still counts as changed here, and nobody fetches.
        statuses.Grant(status, mark);
        container.Stored(status.DataVersion, request.Crc32C, before, filled.Value.Blocks);
        if (!container.HasWriters)
            dirty.LookSoon(container); // Somebody may have it mapped.
        table.Measure(container.Id, at.AllocatedBytes);
        return Failure.None;
    }

    /// <summary>A store runs also where the index can't be written, which tells of that itself: it serves only who comes after a crash.</summary>
    private async ValueTask MarkStoringAsync(Container container, ContainerStat at, uint crc32C)
    {
        try
        {
            await container.MarkStoringAsync(at, crc32C);
        }
        catch (DiskException e)
        {
            LogNotMarked(container.Fid, e.Message);
        }
    }

    private static Result<FilledStore> Inline(IDiskFile file, StoreDataRequest request)
    {
        byte[] content = new byte[request.LengthBytes];
        var reader = new ContainerReader(file, request.LengthBytes);
        reader.Read(0, content);
        return new FilledStore(request with { Content = content, Crc32C = reader.Crc32C }, content.Length, Blocks: null);
    }

    private async Task<Result<FilledStore>> PlannedAsync(Container container, StoreDataRequest request)
    {
        var file = new ProtectedFile(container.File, files);
        StorePlan plan = await work.RunAsync(() => planner.Make(container, file, request.LengthBytes));
        using var reader = new PlanReader(file, plan, hashKey);
        return plan.Parts is not null && plan.TransferBytes <= Limits.InlinePartsBytes
            ? Inline(plan, reader, request)
            : await UploadAsync(container, plan, reader, request);
    }

    /// <summary>The bytes of the parts go with the call. The server compares its checksum with the reader's.</summary>
    private FilledStore Inline(StorePlan plan, PlanReader reader, StoreDataRequest request)
    {
        byte[] content = new byte[plan.TransferBytes];
        reader.Read(0, content);
        request = request with { Content = content, Parts = plan.Parts, Upload = NewUploadId(), Crc32C = reader.WholeCrc32C };
        return new FilledStore(request, content.Length, reader.Sums);
    }

    private async Task<Result<FilledStore>> UploadAsync(Container container, StorePlan plan, PlanReader reader, StoreDataRequest request)
    {
        var upload = new UploadRequest { Upload = NewUploadId(), Volume = request.Fid.Volume, Fid = request.Fid, Parts = plan.Parts };
        Result<UploadReply> reply = await calls.UploadAsync(
            upload, plan.TransferBytes, (offset, buffer, _) => ValueTask.FromResult(reader.Read(offset, buffer.Span)), For(container));
        if (!reply.IsSuccess)
            return reply.Failure;
        if (reply.Value.Crc32C != reader.WholeCrc32C || reply.Value.LengthBytes != request.LengthBytes)
            return (Failure)AbortCodes.ChecksumMismatch;
        return new FilledStore(request with { Upload = upload.Upload, Crc32C = reader.WholeCrc32C }, plan.TransferBytes, reader.Sums);
    }

    /// <summary>Whoever asks for a store, it is its writer's.</summary>
    private OperationContext For(Container container) => new(container.Writer, stopping);

    private UploadId NewUploadId()
    {
        lock (random)
            return new UploadId((ulong)random.NextInt64(1, long.MaxValue));
    }

    /// <summary>The server has no such vnode any more: removed through this client, which is as on any Unix, or by another one.</summary>
    private async Task<Failure> RemovedAsync(Container container)
    {
        await removals.SettledAsync(); // This may have learned of one before its caller does.
        if (container.IsRemovedHere)
            return Failure.None;
        statuses.Remove(container.Fid);
        container.KeepOpen();
        string name = recovered.Park(container.Id, container.Fid, "removed by another client before it was stored");
        figures.Recovered.Add();
        LogParked(container.Fid, name);
        table.Drop(container, ContainerFate.Parked);
        table.Forget(container.Id);
        return FailureKind.RemovedMeanwhile;
    }

    /// <summary>
    /// Some of what was written is gone, and what is read instead may be older: that is no version of the file, and isn't known by a checksum, which would be right.
    /// What is left is kept where a person can look; the file is what the server has.
    /// </summary>
    private Failure ParkDamaged(Container container)
    {
        string name = recovered.Park(container.Id, container.Fid, "the disk of the cache failed while it was written: some of it is missing");
        figures.Recovered.Add();
        LogDamaged(container.Fid, name);
        table.Drop(container, ContainerFate.Parked);
        table.Forget(container.Id);
        return FailureKind.CacheDiskFailed;
    }

    /// <summary>
    /// It was written under a lock that this client has lost: others may have had it since, and written by what they saw. So this is no version. What comes into the file from here on is not it.
    /// </summary>
    private Failure ParkUnlocked(Container container, LockFence fence)
    {
        container.KeepOpen();
        string name = recovered.Park(container.Id, container.Fid, "written under a lock that was lost");
        figures.Recovered.Add();
        LogUnlocked(container.Fid, name);
        table.Drop(container, ContainerFate.LockLost);
        table.Forget(container.Id);
        fences.Clear(container.Fid, fence);
        return AbortCodes.LockLost;
    }

    private async Task NoteFailureAsync(Container container, Failure failure)
    {
        figures.StoresFailed.Add();
        if (container.IsParked)
            return;
        LogStoreFailed(container.Fid, failure);
        if (failure.Kind == FailureKind.InDoubt)
            statuses.Distrust(container.Fid);
        if (container.NeedsRecovery)
            return; // CacheRecovery decides again, and by what it was when the daemon died.
        dirty.StoreLater(container);
        // Whoever has it open for writing, the closing process too, marks it by the end of that: ClosedContainers.
        if (container.HasWriters)
            return;
        Task marking = await work.RunAsync(() => container.MarkDirtyAsync().AsTask());
        await marking;
    }

    private void Count(StoreDataReply reply, FilledStore store)
    {
        StoreDataRequest request = store.Request;
        figures.Stores.Add();
        figures.BytesStored.Add(store.SentBytes);
        if (!reply.ReplacedUnseen)
            return;
        figures.StoresUnseen.Add();
        LogReplacedUnseen(request.Fid, request.Base, reply.Status.DataVersion);
    }

    [LoggerMessage(EventId = 220, Level = LogLevel.Warning, Message = "Store of {Fid} failed, it stays dirty: {Failure}")]
    private partial void LogStoreFailed(Fid fid, Failure failure);

    [LoggerMessage(EventId = 221, Level = LogLevel.Error, Message = "Store of {Fid}: the cache's disk failed: {Reason}")]
    private partial void LogDiskFailed(Fid fid, string reason);

    [LoggerMessage(EventId = 222, Level = LogLevel.Warning, Message = "{Fid} was removed by another client while it was written here; its data is in recovered/{Name}")]
    private partial void LogParked(Fid fid, string name);

    [LoggerMessage(EventId = 224, Level = LogLevel.Error, Message = "The disk of the cache lost some of what was written to {Fid}; it is not stored, the rest of it is in recovered/{Name}")]
    private partial void LogDamaged(Fid fid, string name);

    [LoggerMessage(EventId = 226, Level = LogLevel.Error, Message = "{Fid} was written under a lock that was lost; it is not stored, and is in recovered/{Name}")]
    private partial void LogUnlocked(Fid fid, string name);

    [LoggerMessage(EventId = 225, Level = LogLevel.Debug, Message = "{Fid} is stored though the cache's index can't be told: {Reason}")]
    private partial void LogNotMarked(Fid fid, string reason);

    [LoggerMessage(EventId = 223, Level = LogLevel.Warning, Message = "Store of {Fid} over base {Base} made {Version}: it replaced a version that was not seen here")]
    private partial void LogReplacedUnseen(Fid fid, DataVersion @base, DataVersion version);
}

/// <summary>A store whose content is at the server, or in the request.</summary>
/// <param name="SentBytes">What of the content was sent.</param>
/// <param name="Blocks">The sums of the content as it was sent; null where they aren't known.</param>
internal sealed record FilledStore(StoreDataRequest Request, long SentBytes, BlockSums? Blocks);

/// <summary>
/// Tries failed stores again, later and later, until they succeed. What is open for writing waits for its last close: half of what somebody
/// writes is no version (S2). What is due and when, <see cref="DirtyContainers"/> knows.
/// </summary>
internal sealed partial class StoreRetries(VolumeId volume, DirtyContainers dirty, ContentStorer storer, ContainerTable table, ILogger log)
{
    // Housekeeping's alone.
    private readonly Dictionary<ContainerId, Task> _running = [];

    /// <summary>Begins those that are due; waits for none.</summary>
    public void BeginDue(OperationContext operation)
    {
        foreach ((ContainerId id, Task run) in _running.ToArray())
        {
            if (run.IsCompleted)
                _running.Remove(id);
        }
        foreach (Container container in dirty.StoresDue(volume))
        {
            if (!_running.ContainsKey(container.Id))
                _running[container.Id] = RetryAsync(container, operation);
        }
    }

    private async Task RetryAsync(Container container, OperationContext operation)
    {
        try
        {
            if (container.TryPin())
            {
                Failure failure = await storer.StoreClosedAsync(container, operation);
                // Also after a success it may have changed meanwhile, by a mapping that nobody closes again.
                bool isSettled = failure.IsNone && (!container.IsUnstored || container.HasWriters || container.IsRemovedHere);
                table.Unpin(container);
                if (!isSettled && failure.Kind != FailureKind.RemovedMeanwhile)
                    return;
            }
            dirty.Stored(container);
        }
        catch (DiskException e)
        {
            LogRetryFailed(container.Fid, e.Message);
        }
    }

    [LoggerMessage(EventId = 231, Level = LogLevel.Error, Message = "The dirty container of {Fid} can't be read: {Reason}")]
    private partial void LogRetryFailed(Afs.Wire.Fid fid, string reason);
}
