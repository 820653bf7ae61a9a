using System.Collections.Concurrent;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Whole files of one volume. The rules of an open, in order:
///  1. a container that holds changes of this client, or is open for writing, is the file, for all processes of this client;
///  2. a container whose version is that of a promised status is the file, with no call;
///  3. a truncating open, and an empty file, need no content: a new empty container;
///  4. else the content is fetched, or the server says that the cached version is current.
/// A container that lost its place to a newer one lives until its last use ends (S2).
/// </summary>
internal sealed partial class ContentCache(
    VolumeId volume, Statuses statuses, ContainerTable table, ContainerFactory factory, ContentFetcher fetcher, ContentStorer storer, ContainerSeals seals, DirtyContainers dirty, ContentUses uses,
    CacheRecovery recovery, BlockKeeper blocks, CacheRoom room, TransferTurns turns, CacheFigures figures, IBlockingWork work, KernelNotices kernel, ContentRefresher refresher,
    ILogger log) : IContentCache
{
    /// <summary>Rounds of an open that is overtaken by breaks, evictions and other opens.</summary>
    private const int MostRounds = 64;

    private readonly ConcurrentDictionary<ContainerId, Lazy<Task<bool>>> _verifying = new();

    public bool TryOpenForReading(Fid fid, ContainerId? proven, out IContainer container)
    {
        container = null!;
        if (!table.TryGet(fid, out Container? found) || found.NeedsRecovery || found.NeedsVerify)
            return false;
        if (found.IsNobodys || !found.IsLocal && !IsCurrent(found) || MayBeClosed(found))
            return false;
        if (!found.TryPinClosed())
            return false;
        if (!IsUsable(found, mustOpen: proven != found.Id))
        {
            uses.Ended(found, wasWriting: false);
            return false;
        }
        figures.ContentHits.Add();
        container = new ContainerUse(found, isWriting: false, storer, uses);
        return true;
    }

    public async ValueTask<Result<IContainer>> OpenAsync(Fid fid, bool forWriting, bool truncate, OperationContext operation)
    {
        try
        {
            // What is here already may be written, as far as the disk goes.
            if (forWriting && !await room.HasRoomAsync() && !table.TryPeek(fid, out _))
                return FailureKind.CacheFull;
            await AwaitClosedAsync(fid);
            for (int round = 0; round < MostRounds; round++)
            {
                Result<Container> found = await FindAsync(fid, truncate, mayArrive: round == 0 && !forWriting, operation);
                if (!found.IsSuccess)
                    return found.Failure;
                if (!TryPin(found.Value))
                    continue;
                if (!forWriting)
                    return new ContainerUse(found.Value, isWriting: false, storer, uses);
                if (await TryBeginWritingAsync(found.Value, truncate, operation.Caller) is { } use)
                    return use;
            }
            return FailureKind.Unreachable;
        }
        catch (DiskException e)
        {
            LogUnreadable(fid, e.Message);
            return DiskFailures.ToFailure(e);
        }
        catch (OperationCanceledException) when (operation.IsInterrupted)
        {
            return FailureKind.Interrupted;
        }
    }

    public async ValueTask<IContainer?> TryWriteAsync(IContainer use, bool truncate, OperationContext operation)
    {
        try
        {
            return use is ContainerUse { Container: var container } && TryPin(container) ? await TryBeginWritingAsync(container, truncate, operation.Caller, mayReturn: true) : null;
        }
        catch (DiskException e)
        {
            LogUnreadable(use.Fid, e.Message);
            return null;
        }
    }

    public IContainer? FindLocal(Fid fid) => table.TryGet(fid, out Container? found) && found.IsLocal && !found.NeedsRecovery
        ? new LocalContainer(found, storer, uses)
        : null;

    public bool MayBeClosed(Fid fid) => table.TryPeek(fid, out Container? found) && MayBeClosed(found);

    public async ValueTask<Failure> FetchAsync(Fid fid, OperationContext operation)
    {
        await AwaitClosedAsync(fid);
        if (table.TryGet(fid, out Container? found) && (found.IsLocal || IsCurrent(found)))
            return Failure.None;
        return (await fetcher.FetchAsync(fid, mayArrive: false, operation)).Result.Failure;
    }

    public async ValueTask<Failure> StoreClosedAsync(Fid? only, OperationContext operation)
    {
        Task<Failure>[] stores =
        [
            .. table.Snapshot(volume)
                .Where(c => (c.IsLocal || c.Phase == ContainerPhase.Watched) && !c.HasWriters && !c.NeedsRecovery && (only is null || c.Fid == only))
                .Select(c => new LocalContainer(c, storer, uses).StoreClosedAsync(operation).AsTask()),
        ];
        Failure[] failures = await Task.WhenAll(stores);
        return failures.FirstOrDefault(static f => !f.IsNone);
    }

    public async ValueTask<Failure> StoreOpenAsync(Fid fid, OperationContext operation)
    {
        try
        {
            if (!table.TryPeek(fid, out Container? container) || container.NeedsRecovery || container.IsNobodys || container.Phase == ContainerPhase.Clean && !container.IsLocal || !TryPin(container))
                return Failure.None;
            try
            {
                return await storer.StoreAsync(container, operation);
            }
            finally
            {
                uses.Ended(container, wasWriting: false);
            }
        }
        catch (DiskException e)
        {
            LogUnreadable(fid, e.Message);
            return DiskFailures.ToFailure(e);
        }
    }

    public bool IsCurrent(IContainer use) => use is not ContainerUse { Container: var container } || refresher.IsCurrent(container);

    public ValueTask<Result<bool>> RefreshAsync(IContainer use, OperationContext operation) =>
        use is ContainerUse { Container: var container } ? refresher.RefreshAsync(container, operation) : new(false);

    /// <summary>Of a volume that is written behind.</summary>
    public WriteBehind? Behind { get; set; }

    /// <summary>
    /// This client removed the file's last name: what has it open keeps it, nothing is stored any more. Where the server is told of that later its container is kept until then: a removal that is refused never
    /// was, and who has the file mapped goes on writing to it.
    /// </summary>
    public void Removed(Fid fid)
    {
        if (!table.TryGet(fid, out Container? container))
            return;
        if (Behind is { IsUncertain: true } && container.TryPinClosed())
            Behind.WhenCertain(() => uses.Ended(container, wasWriting: false));
        if (container.Retire(ContainerFate.RemovedHere))
            table.Delete(container);
    }

    /// <summary>Of a file that another client removed nothing is: what was last known of it may be older than its last version.</summary>
    private bool IsCurrent(Container container) =>
        statuses.TryGet(container.Fid, out FetchStatus status) && status.DataVersion == container.BaseVersion
            && (container.IsRemovedHere || !statuses.IsRemoved(container.Fid));

    /// <summary>
    /// All that was written here is stored, another client may have stored since, and a use that writes hasn't ended. Either a process has it open still: then it is the file, by rule 1. Or the last
    /// close() has returned, and the kernel's word of that is on its way: then what the other client stored is the file.
    /// </summary>
    private bool MayBeClosed(Container container) => container.HasWriters && !container.IsUnstored && !container.IsRemovedHere && !IsCurrent(container);

    private ValueTask AwaitClosedAsync(Fid fid) => MayBeClosed(fid) ? kernel.EarlierReleasesAsync() : ValueTask.CompletedTask;

    /// <summary>It is still the file, now that it is pinned. The slow way finds out what to do where its file can't be opened.</summary>
    private bool IsUsable(Container pinned, bool mustOpen)
    {
        if (!pinned.IsLocal && !IsCurrent(pinned))
            return false;
        try
        {
            if (mustOpen)
                _ = pinned.File;
            // What was written here is looked at, so that what a mapping changed is found soon.
            return pinned.IsLocal || pinned.Phase == ContainerPhase.Clean || pinned.Look() != Sameness.Changed;
        }
        catch (DiskException e)
        {
            LogUnreadable(pinned.Fid, e.Message);
            return false;
        }
    }

    private async ValueTask<Result<Container>> FindAsync(Fid fid, bool truncate, bool mayArrive, OperationContext operation)
    {
        if (table.TryGet(fid, out Container? cached) && cached.IsNobodys)
        {
            table.Drop(cached, ContainerFate.Superseded); // Whoever made it finds that out when he begins to write.
            cached = null;
        }
        if (cached is not null)
        {
            if (cached.NeedsRecovery)
            {
                Failure failure = await recovery.RecoverAsync(cached, operation);
                if (!failure.IsNone)
                    return failure;
                if (!table.TryGet(fid, out cached))
                    return await FetchAsOwnAsync(fid, mayArrive, operation);
            }
            if (cached.NeedsVerify && !await VerifyAsync(cached, operation))
                cached = null;
            else if (await HoldsChangesAsync(cached))
                return cached;
            if (cached is not null && IsCurrent(cached))
            {
                figures.ContentHits.Add();
                return cached;
            }
        }
        if (truncate)
            return await FindTruncatedAsync(fid, cached, operation);
        if (statuses.TryGet(fid, out FetchStatus status) && status is { Type: FileType.Regular, LengthBytes: 0 })
            return MakeEmpty(status);
        return await FetchAsOwnAsync(fid, mayArrive, operation);
    }

    private async ValueTask<Result<Container>> FetchAsOwnAsync(Fid fid, bool mayArrive, OperationContext operation)
    {
        while (true)
        {
            (Result<Container> result, bool isOwn) = await fetcher.FetchAsync(fid, mayArrive, operation);
            if (isOwn || !result.IsSuccess || result.Value.IsLocal || IsCurrent(result.Value))
                return result;
            // Rule R6 of PromiseRules: a shared fetch without a promise may be older than this open. Let it end.
            mayArrive = false;
        }
    }

    /// <summary>
    /// Local changes, also those that a mapping made after the last close. As long as somebody has it mapped for writing it is open for writing, whatever the server
    /// has: that is asked only where it matters.
    /// </summary>
    private async ValueTask<bool> HoldsChangesAsync(Container container)
    {
        if (container.IsLocal)
            return true;
        if (container.Phase == ContainerPhase.Clean || container.NeedsVerify || !TryPin(container))
            return false;
        try
        {
            if (!await seals.IsChangedAsync(container))
                return !IsCurrent(container) && !await seals.TrySealAsync(container);
            if (!container.NoteChanged())
                return container.IsLocal;
            dirty.StoreLater(container); // So that somebody stores it, though nobody may close it again.
            await container.MarkDirtyAsync();
            return true;
        }
        finally
        {
            uses.Ended(container, wasWriting: false);
        }
    }

    private async ValueTask<Result<Container>> FindTruncatedAsync(Fid fid, Container? cached, OperationContext operation)
    {
        Result<FetchStatus> status = await statuses.GetAsync(fid, operation);
        if (!status.IsSuccess)
            return status.Failure;
        if (status.Value.Type != FileType.Regular)
            return (Failure)AbortCodes.BadArgument;
        if (status.Value.LengthBytes == 0)
            return MakeEmpty(status.Value);
        if (cached is not null && cached.BaseVersion == status.Value.DataVersion)
            return cached;
        using NewContainer made = factory.Create(fid);
        return seals.Install(made.FinishTruncated(status.Value.DataVersion));
    }

    private Container MakeEmpty(FetchStatus status)
    {
        using NewContainer made = factory.Create(status.Fid);
        return seals.Install(made.Finish(status.DataVersion, crc32C: 0, status.ModifyTime, blocks: null));
    }

    /// <summary>False: it is gone, also because somebody deleted its file by hand.</summary>
    private bool TryPin(Container container)
    {
        try
        {
            return container.TryPin();
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound && !container.IsLocal)
        {
            LogDiscarded(container.Fid, "its file is missing");
            table.Drop(container, ContainerFate.Superseded);
            return false;
        }
    }

    /// <summary>
    /// Takes as long as reading the content: so not on the caller's thread, which reads everybody's requests, and once for all who open it meanwhile. Who no longer waits goes; the
    /// comparison goes on. False: the content isn't what it should be; it will be fetched again.
    /// </summary>
    private ValueTask<bool> VerifyAsync(Container container, OperationContext operation)
    {
        Task<bool> running = _verifying.GetOrAdd(container.Id, _ => new(() => VerifyInTurnAsync(container))).Value;
        return running.IsCompletedSuccessfully ? new(running.Result) : new(running.WaitAsync(operation));
    }

    private async Task<bool> VerifyInTurnAsync(Container container)
    {
        await turns.Verifications.WaitAsync();
        try
        {
            return !container.NeedsVerify || await work.RunAsync(() => PinAndVerify(container));
        }
        finally
        {
            turns.Verifications.Release();
            _verifying.TryRemove(container.Id, out _);
        }
    }

    private bool PinAndVerify(Container container)
    {
        if (!TryPin(container))
            return false;
        bool isGood = Verify(container);
        table.Unpin(container);
        return isGood;
    }

    /// <summary>False: the content isn't what it should be; it will be fetched again.</summary>
    private bool Verify(Container container)
    {
        ContainerStat stat = container.GetStat();
        bool isGood;
        try
        {
            isGood = stat.LengthBytes == container.Baseline.LengthBytes
                && ContainerReader.Checksum(container.File, stat.LengthBytes) == container.Crc32C;
        }
        catch (ShrunkException)
        {
            isGood = false;
        }
        if (isGood)
        {
            container.Verified(stat);
            return true;
        }
        figures.ContentDamaged.Add();
        LogDiscarded(container.Fid, "its content doesn't match its checksum");
        table.Drop(container, ContainerFate.Superseded);
        return false;
    }

    /// <summary>Null: while it got ready another container took its place.</summary>
    private async ValueTask<ContainerUse?> TryBeginWritingAsync(Container container, bool truncate, Caller writer, bool mayReturn = false)
    {
        bool isWriting = false;
        try
        {
            if (!container.IsLocal && statuses.TryGet(container.Fid, out FetchStatus status) && container.GetStat().ModifyTime != status.ModifyTime)
                container.SetModifyTime(status.ModifyTime);
            if (!truncate)
                await blocks.PrepareAsync(container);
            isWriting = table.TryBeginWriting(container, writer, mayReturn);
            if (!isWriting)
            {
                uses.Ended(container, wasWriting: false);
                return null;
            }
            await container.MarkWritingAsync();
            if (truncate)
                container.WritableFile.SetLength(0);
            return new ContainerUse(container, isWriting: true, storer, uses);
        }
        catch (DiskException)
        {
            uses.Ended(container, isWriting);
            throw;
        }
    }

    [LoggerMessage(EventId = 240, Level = LogLevel.Warning, Message = "The cached copy of {Fid} is discarded and fetched again: {Reason}")]
    private partial void LogDiscarded(Fid fid, string reason);

    [LoggerMessage(EventId = 241, Level = LogLevel.Error, Message = "The container of {Fid} can't be used: {Reason}")]
    private partial void LogUnreadable(Fid fid, string reason);
}

/// <summary>The end of a use by a process: what it may have written is looked after.</summary>
internal sealed class ContentUses(ContainerTable table, DirtyContainers dirty, ClosedContainers closed, UnnamedFiles unnamed)
{
    public void Ended(Container container, bool wasWriting)
    {
        if (wasWriting)
            dirty.LookSoon(container);
        if (table.Unpin(container, wasWriting).IsLeftUnstored)
            closed.Add(container);
        unnamed.UseEnded(container);
    }
}

/// <summary>One open of a container.</summary>
internal sealed class ContainerUse(Container container, bool isWriting, ContentStorer storer, ContentUses uses) : IContainer
{
    private int _isDisposed;

    public Container Container => container;

    public ContainerId Id => container.Id;

    public Fid Fid => container.Fid;

    public DataVersion BaseVersion => container.BaseVersion;

    public BorrowedHandle Borrow() => BorrowedHandle.Of(isWriting ? container.WritableFile : container.File);

    public IArrival? Arrival => container.Arrival;

    public bool MayBeWritten => container.Phase != ContainerPhase.Clean;

    public bool TryGetLocalStatus(out LocalStatus status) => LocalStatuses.TryGet(container, out status);

    public IContainer? TryShare() => container.TryPinClosed() ? new ContainerUse(container, isWriting: false, storer, uses) : null;

    public ValueTask<Failure> StoreAsync(OperationContext operation) => storer.StoreAsync(container, operation);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            uses.Ended(container, isWriting);
    }
}

/// <summary>
/// Containers whose last writer left before they were stored: each is made durable as closed, at once and beside everything else. Until that is done
/// a crash finds it as one that was never closed. Bounded by the containers that there are.
/// </summary>
internal sealed partial class ClosedContainers(ContainerTable table, IBlockingWork work, ILogger log)
{
    private readonly Lock _lock = new();
    private Task _running = Task.CompletedTask;
    private bool _hasEnded;

    /// <summary>Returns at once. Nothing after <see cref="EndAsync"/>: then it is for the next daemon to decide.</summary>
    public void Add(Container container)
    {
        lock (_lock)
        {
            if (_hasEnded)
                return;
        }
        Task mine = MarkAsync(container);
        lock (_lock)
            _running = _running.IsCompleted ? mine : Task.WhenAll(_running, mine);
    }

    /// <summary>Takes no more; completes when all that was added is done.</summary>
    public Task EndAsync()
    {
        lock (_lock)
        {
            _hasEnded = true;
            return _running;
        }
    }

    private async Task MarkAsync(Container container)
    {
        try
        {
            if (!container.TryPin())
                return;
            try
            {
                Task marking = await work.RunAsync(() => container.MarkDirtyAsync().AsTask());
                await marking;
            }
            finally
            {
                table.Unpin(container);
            }
        }
        catch (DiskException e)
        {
            LogNotMarked(container.Fid, e.Message);
        }
    }

    [LoggerMessage(EventId = 232, Level = LogLevel.Error, Message = "{Fid} was closed before it was stored, and that could not be made durable: {Reason}")]
    private partial void LogNotMarked(Afs.Wire.Fid fid, string reason);
}

/// <summary>Makes new container files.</summary>
internal sealed class ContainerFactory(ContainerTable table, IContainerFiles files, IContainerIndex index, string bootId)
{
    /// <summary>An empty file, in nobody's table. Disposed without <see cref="NewContainer.Finish"/>, it is deleted.</summary>
    public NewContainer Create(Fid fid)
    {
        ContainerId id = table.NewId();
        return new NewContainer(id, fid, files.Create(id), files, index, bootId);
    }

    /// <summary>One from the index, after a restart. The end was clean, and no power was lost since: what its row says of a clean one holds.</summary>
    public Container Restore(ContainerRecord record, bool wasCleanEnd) => Container.FromIndex(record, wasCleanEnd, files, index, bootId);
}

/// <summary>A container file that is being made. The index learns of it when it is finished; before, a crash leaves a file without a row, which goes at the next start.</summary>
internal sealed class NewContainer(ContainerId id, Fid fid, IDiskFile file, IContainerFiles files, IContainerIndex index, string bootId) : IDisposable
{
    private bool _isFinished;

    public IDiskFile File => file;

    /// <summary>The content is that of a version of the server.</summary>
    /// <param name="blocks">Its sums, where they are known.</param>
    public Container Finish(DataVersion version, uint crc32C, Timestamp modifyTime, BlockSums? blocks)
    {
        return FinishAs(Make(version, crc32C, ContainerPhase.Clean, Baseline.Arriving), modifyTime, blocks);
    }

    /// <summary>For readers, before its content is there. The index knows nothing of it.</summary>
    public Container Announce(FetchStatus status) => Make(status.DataVersion, status.ContentCrc32C, ContainerPhase.Clean, Baseline.Arriving, new Arrival());

    /// <summary>The content is that of this container's version; so of an announced one.</summary>
    public Container FinishAs(Container container, Timestamp modifyTime, BlockSums? blocks)
    {
        files.SetModifyTime(file, modifyTime);
        index.PutLater(container.Arrived(files.Stat(file), blocks));
        _isFinished = true;
        return container;
    }

    /// <summary>Empty, for an open that truncates a version that no fetch came before.</summary>
    public Container FinishTruncated(DataVersion version)
    {
        _isFinished = true;
        return Make(version, crc32C: 0, ContainerPhase.Made, Baseline.Truncated);
    }

    public void Dispose()
    {
        file.Dispose();
        if (!_isFinished)
            files.Delete(id);
    }

    private Container Make(DataVersion version, uint crc32C, ContainerPhase phase, Baseline baseline, Arrival? arrival = null) =>
        new(new ContainerRecord(id, fid, version, ContainerState.Clean, crc32C, default, bootId, Caller.Client), phase, baseline, files, index, bootId) { Arrival = arrival };
}

/// <summary>Reads a container's content for a store and computes its checksum. Not safe for concurrent use.</summary>
internal sealed class ContainerReader(IDiskFile file, long lengthBytes)
{
    private const int BlockBytes = 1 << 20;

    private Crc32C _crc;
    private long _position;

    public uint Crc32C => _crc.Value;

    /// <summary>In order; an offset of zero begins again.</summary>
    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    public int Read(long offset, Span<byte> destination)
    {
        if (offset == 0)
            (_crc, _position) = (new(), 0);
        if (offset != _position)
            throw new InvalidOperationException($"Read at {offset} where {_position} was expected.");
        int wanted = (int)Math.Min(destination.Length, lengthBytes - offset);
        if (file.Read(offset, destination[..wanted]) != wanted)
            throw new ShrunkException();
        _crc.Add(destination[..wanted]);
        _position += wanted;
        return wanted;
    }

    /// <summary>The checksum of all of it.</summary>
    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    public static uint Checksum(IDiskFile file, long lengthBytes)
    {
        var reader = new ContainerReader(file, lengthBytes);
        byte[] buffer = new byte[Math.Min(BlockBytes, lengthBytes)];
        for (long offset = 0; offset < lengthBytes;)
            offset += reader.Read(offset, buffer);
        return reader.Crc32C;
    }
}

/// <summary>
/// Writes fetched content into a new container file and computes its checksum, and the sums of its blocks where they are wanted. Blocks of zeros are left
/// out, so that a sparse file stays sparse. Not safe for concurrent use.
/// </summary>
/// <param name="sums">Null: too short, or too long, for them. Belongs to the caller.</param>
internal sealed class ContainerWriter(IDiskFile file, ArrivingSums? sums)
{
    private Crc32C _crc;

    /// <summary>Bytes that came so far.</summary>
    public long Position { get; private set; }

    /// <summary>Of all of it, once all came.</summary>
    public uint Crc32C => sums?.Sums.WholeCrc32C() ?? _crc.Value;

    /// <summary>In order; an offset of zero begins again.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data, long lengthBytes)
    {
        if (offset == 0)
            Restart(lengthBytes);
        if (offset != Position || data.Length > lengthBytes - offset)
            throw new InvalidDataException($"Content came at {offset} where {Position} of {lengthBytes} was expected.");
        if (sums is null)
            _crc.Add(data);
        else
            sums.Add(offset, data);
        Position += data.Length;
        SparseWrite.Run(file, offset, data);
    }

    private void Restart(long lengthBytes)
    {
        bool wasWritten = Position > 0;
        _crc = new();
        sums?.Restart();
        Position = 0;
        if (wasWritten || lengthBytes == 0 || file.LengthBytes != lengthBytes)
        {
            file.SetLength(0);
            file.SetLength(lengthBytes); // One that is read already has its length from the beginning.
        }
    }
}
