using Afs.Platform;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Whole files. The rules of an open, in order:
///  1. a container that holds changes of this client, or is open for writing, is the file, for all processes of this client;
///  2. a container whose version is that of a promised status is the file, with no call;
///  3. a truncating open, and an empty file, need no content: a new empty container;
///  4. else the content is fetched, or the server says that the cached version is current.
/// A container that lost its place to a newer one lives until its last use ends (S2).
/// </summary>
internal sealed partial class ContentCache(
    Statuses statuses, ContainerTable table, ContainerFactory factory, ContentFetcher fetcher, ContentStorer storer, ContentUses uses,
    CacheRecovery recovery, BlockKeeper blocks, CacheFigures figures, ILogger log) : IContentCache
{
    /// <summary>Rounds of an open that is overtaken by breaks, evictions and other opens.</summary>
    private const int MostRounds = 64;

    public bool TryOpenForReading(Fid fid, ContainerId? proven, out IContainer container)
    {
        container = null!;
        if (!table.TryGet(fid, out Container? found) || found.NeedsRecovery || found.NeedsVerify)
            return false;
        if (!found.IsLocal && !IsCurrent(found))
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

    public async ValueTask<Result<IContainer>> OpenAsync(Fid fid, bool forWriting, bool truncate, CancellationToken cancellation)
    {
        try
        {
            for (int round = 0; round < MostRounds; round++)
            {
                Result<Container> found = await FindAsync(fid, truncate, mayArrive: round == 0 && !forWriting, cancellation);
                if (!found.IsSuccess)
                    return found.Failure;
                if (!TryPin(found.Value))
                    continue;
                if (!forWriting)
                    return new ContainerUse(found.Value, isWriting: false, storer, uses);
                if (await TryBeginWritingAsync(found.Value, truncate) is { } use)
                    return use;
            }
            return FailureKind.Unreachable;
        }
        catch (DiskException e)
        {
            LogUnreadable(fid, e.Message);
            return DiskFailures.ToFailure(e);
        }
    }

    public IContainer? FindLocal(Fid fid) => table.TryGet(fid, out Container? found) && found.IsLocal && !found.NeedsRecovery
        ? new LocalContainer(found, storer, uses)
        : null;

    public async ValueTask<Failure> FetchAsync(Fid fid, CancellationToken cancellation)
    {
        if (table.TryGet(fid, out Container? found) && (found.IsLocal || IsCurrent(found)))
            return Failure.None;
        return (await fetcher.FetchAsync(fid, mayArrive: false, cancellation)).Result.Failure;
    }

    public async ValueTask<Failure> StoreDirtyAsync(Fid? only, CancellationToken cancellation)
    {
        Task<Failure>[] stores =
        [
            .. table.Snapshot()
                .Where(c => c.IsLocal && !c.NeedsRecovery && (only is null || c.Fid == only))
                .Select(c => new LocalContainer(c, storer, uses).StoreAsync(killSetId: false, cancellation).AsTask()),
        ];
        Failure[] failures = await Task.WhenAll(stores);
        return failures.FirstOrDefault(static f => !f.IsNone);
    }

    /// <summary>This client removed the file's last name: what has it open keeps it, nothing is stored any more.</summary>
    public void Removed(Fid fid)
    {
        if (!table.TryGet(fid, out Container? container))
            return;
        if (container.Retire(ContainerFate.RemovedHere))
            table.Delete(container);
    }

    /// <summary>Of a file that another client removed nothing is: what was last known of it may be older than its last version.</summary>
    private bool IsCurrent(Container container) =>
        statuses.TryGet(container.Fid, out FetchStatus status) && status.DataVersion == container.BaseVersion
            && (container.IsRemovedHere || !statuses.IsRemoved(container.Fid));

    /// <summary>It is still the file, now that it is pinned. The slow way finds out what to do where its file can't be opened.</summary>
    private bool IsUsable(Container pinned, bool mustOpen)
    {
        if (!pinned.IsLocal && !IsCurrent(pinned))
            return false;
        try
        {
            if (mustOpen)
                _ = pinned.File;
            return pinned.IsLocal || !pinned.EverWritten || !pinned.IsChanged();
        }
        catch (DiskException e)
        {
            LogUnreadable(pinned.Fid, e.Message);
            return false;
        }
    }

    private async ValueTask<Result<Container>> FindAsync(Fid fid, bool truncate, bool mayArrive, CancellationToken cancellation)
    {
        if (table.TryGet(fid, out Container? cached))
        {
            if (cached.NeedsRecovery)
            {
                Failure failure = await recovery.RecoverAsync(cached, cancellation);
                if (!failure.IsNone)
                    return failure;
                if (!table.TryGet(fid, out cached))
                    return await FetchAsOwnAsync(fid, mayArrive, cancellation);
            }
            if (cached.NeedsVerify && !PinAndVerify(cached))
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
            return await FindTruncatedAsync(fid, cached, cancellation);
        if (statuses.TryGet(fid, out FetchStatus status) && status is { Type: FileType.Regular, LengthBytes: 0 })
            return MakeEmpty(status);
        return await FetchAsOwnAsync(fid, mayArrive, cancellation);
    }

    private async ValueTask<Result<Container>> FetchAsOwnAsync(Fid fid, bool mayArrive, CancellationToken cancellation)
    {
        while (true)
        {
            (Result<Container> result, bool isOwn) = await fetcher.FetchAsync(fid, mayArrive, cancellation);
            if (isOwn || !result.IsSuccess || result.Value.IsLocal || IsCurrent(result.Value))
                return result;
            // Rule R6 of PromiseRules: a shared fetch without a promise may be older than this open. Let it end.
            mayArrive = false;
        }
    }

    /// <summary>Local changes, also those that a mapping made after the last close.</summary>
    private async ValueTask<bool> HoldsChangesAsync(Container container)
    {
        if (container.IsLocal)
            return true;
        if (!container.EverWritten || container.NeedsVerify || !TryPin(container))
            return false;
        try
        {
            if (!container.IsChanged())
                return false;
            storer.Failed?.Invoke(container); // So that somebody stores it, though nobody may close it again.
            await container.MarkDirtyAsync();
            return true;
        }
        finally
        {
            uses.Ended(container, wasWriting: false);
        }
    }

    private async ValueTask<Result<Container>> FindTruncatedAsync(Fid fid, Container? cached, CancellationToken cancellation)
    {
        Result<FetchStatus> status = await statuses.GetAsync(fid, cancellation);
        if (!status.IsSuccess)
            return status.Failure;
        if (status.Value.Type != FileType.Regular)
            return (Failure)AbortCodes.BadArgument;
        if (status.Value.LengthBytes == 0)
            return MakeEmpty(status.Value);
        if (cached is not null && cached.BaseVersion == status.Value.DataVersion)
            return cached;
        using NewContainer made = factory.Create(fid);
        return table.Install(made.FinishTruncated(status.Value.DataVersion));
    }

    private Container MakeEmpty(FetchStatus status)
    {
        using NewContainer made = factory.Create(status.Fid);
        return table.Install(made.Finish(status.DataVersion, crc32C: 0, status.ModifyTime, blocks: null));
    }

    /// <summary>False: it is gone, also because somebody deleted its file by hand.</summary>
    private bool TryPin(Container container)
    {
        try
        {
            return container.TryPin();
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound && container.State == ContainerState.Clean)
        {
            LogDiscarded(container.Fid, "its file is missing");
            table.Drop(container, ContainerFate.Superseded);
            return false;
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
    private async ValueTask<ContainerUse?> TryBeginWritingAsync(Container container, bool truncate)
    {
        bool isWriting = false;
        try
        {
            if (!container.IsLocal && statuses.TryGet(container.Fid, out FetchStatus status) && container.GetStat().ModifyTime != status.ModifyTime)
                container.SetModifyTime(status.ModifyTime);
            if (!truncate)
                await blocks.PrepareAsync(container);
            isWriting = table.TryBeginWriting(container);
            if (!isWriting)
            {
                uses.Ended(container, wasWriting: false);
                return null;
            }
            await container.MarkWritingAsync();
            if (truncate)
                container.File.SetLength(0);
            return new ContainerUse(container, isWriting: true, storer, uses);
        }
        catch (DiskException)
        {
            if (container.Baseline == default)
                table.Drop(container, ContainerFate.Superseded); // A truncation that didn't happen.
            uses.Ended(container, isWriting);
            throw;
        }
    }

    [LoggerMessage(EventId = 240, Level = LogLevel.Warning, Message = "The cached copy of {Fid} is discarded and fetched again: {Reason}")]
    private partial void LogDiscarded(Fid fid, string reason);

    [LoggerMessage(EventId = 241, Level = LogLevel.Error, Message = "The container of {Fid} can't be used: {Reason}")]
    private partial void LogUnreadable(Fid fid, string reason);
}
