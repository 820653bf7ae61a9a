using Afs.Platform;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Brings whole files into containers. One fetch of a fid at a time; whoever comes meanwhile shares it. It goes on when those who wait for
/// it are interrupted.
/// </summary>
internal sealed class ContentFetcher(
    ViceCalls calls, Statuses statuses, ContainerTable table, ContainerFactory factory, CacheRoom room, CacheLimits limits, CacheFigures figures,
    IBlockingWork work, CancellationToken stopping)
{
    /// <summary>Rounds for a file whose versions come faster than it can be fetched.</summary>
    private const int MostRounds = 16;

    /// <summary>Content that doesn't match its checksum is fetched so often before it is an error.</summary>
    private const int MostDamaged = 3;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, Task<Result<Container>>> _running = [];
    private readonly SemaphoreSlim _transfers = new(limits.MostTransfers);

    /// <summary>
    /// The container of a version that was current while this ran; not pinned. Own: the call was sent after this request, so its content is
    /// current for the asker even without a promise.
    /// </summary>
    public async ValueTask<(Result<Container> Result, bool IsOwn)> FetchAsync(Fid fid, CancellationToken cancellation)
    {
        TaskCompletionSource<Result<Container>>? mine = null;
        Task<Result<Container>>? running;
        lock (_lock)
        {
            if (!_running.TryGetValue(fid, out running))
            {
                mine = new(TaskCreationOptions.RunContinuationsAsynchronously);
                _running[fid] = running = mine.Task;
            }
        }
        if (mine is not null)
            _ = RunAsync(fid, mine);
        try
        {
            return (await running.ContinueHere().WaitAsync(cancellation), mine is not null);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return (FailureKind.Interrupted, mine is not null);
        }
    }

    private async Task RunAsync(Fid fid, TaskCompletionSource<Result<Container>> mine)
    {
        Result<Container> result;
        try
        {
            result = await FetchCurrentAsync(fid);
        }
        catch (DiskException e)
        {
            result = DiskFailures.ToFailure(e);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            result = FailureKind.ShuttingDown;
        }
        catch (Exception e)
        {
            Finish(fid);
            mine.SetException(e);
            return;
        }
        Finish(fid);
        mine.SetResult(result);
    }

    private void Finish(Fid fid)
    {
        lock (_lock)
            _running.Remove(fid);
    }

    private async Task<Result<Container>> FetchCurrentAsync(Fid fid)
    {
        int damaged = 0;
        bool withoutParts = false;
        for (int round = 0; round < MostRounds; round++)
        {
            DataVersion have = table.TryGet(fid, out Container? cached) && !cached.NeedsVerify ? cached.BaseVersion : DataVersion.None;
            CallMark mark = statuses.Mark();
            Result<FetchDataReply> reply = await calls.ReadAsync(
                (vice, context) => vice.FetchDataAsync(new FetchDataRequest { Fid = fid, Have = have }, context), stopping);
            if (!reply.IsSuccess)
            {
                if (reply.Failure == AbortCodes.NoVnode)
                    Removed(fid, cached);
                return reply.Failure;
            }
            FetchStatus status = reply.Value.Status;
            if (status.Fid != fid || status.Type != FileType.Regular || status.LengthBytes is < 0 or > Limits.FileBytes)
                return (Failure)AbortCodes.BadArgument;
            statuses.Grant(status, mark);
            if (reply.Value.IsUnchanged && cached is not null && cached.BaseVersion == status.DataVersion)
                return cached;
            ContentParts? parts = reply.Value.Parts is { } offered && !withoutParts && PartsFill.IsUsable(offered, status, cached) ? offered : null;
            Result<Container> result = parts is null ? await TransferAsync(status, reply.Value.Content) : await TransferAsync(status, parts, cached);
            if (result.IsSuccess || result.Failure != AbortCodes.VersionGone && result.Failure.Kind != FailureKind.ContentDamaged)
                return result;
            if (result.Failure.Kind == FailureKind.ContentDamaged)
            {
                figures.ContentDamaged.Add();
                withoutParts = true; // The older version may be what is damaged.
                if (++damaged == MostDamaged)
                    return result.Failure;
            }
        }
        return FailureKind.Unreachable;
    }

    /// <summary>Another client removed it: nobody will open its content again.</summary>
    private void Removed(Fid fid, Container? cached)
    {
        statuses.Remove(fid);
        if (cached is { IsLocal: false })
            table.Drop(cached, ContainerFate.Superseded);
    }

    private Task<Result<Container>> TransferAsync(FetchStatus status, byte[]? content) =>
        InRoomAsync(status.LengthBytes, () => TransferOnceAsync(status, content));

    private async Task<Result<Container>> TransferAsync(FetchStatus status, ContentParts parts, Container? cached)
    {
        Container? @base = parts.Base == DataVersion.None ? null : cached;
        if (@base is not null && !TryPin(@base))
            return FailureKind.ContentDamaged;
        try
        {
            long neededBytes = @base is null ? parts.TransferBytes : @base.Baseline.AllocatedBytes + parts.TransferBytes;
            return await InRoomAsync(neededBytes, () => TransferPartsAsync(status, parts, @base));
        }
        finally
        {
            if (@base is not null)
                table.Unpin(@base);
        }
    }

    /// <summary>False also where its file is missing: then the whole content is fetched.</summary>
    private static bool TryPin(Container @base)
    {
        try
        {
            return @base.TryPin();
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return false;
        }
    }

    private async Task<Result<Container>> InRoomAsync(long bytes, Func<Task<Result<Container>>> transfer)
    {
        if (!room.TryReserve(bytes))
            return FailureKind.CacheFull;
        await _transfers.WaitAsync(stopping);
        try
        {
            Result<Container> result = await transfer();
            if (result.Failure.Kind == FailureKind.CacheFull && room.FreeDisk(bytes))
                result = await transfer();
            return result;
        }
        finally
        {
            _transfers.Release();
            room.Release(bytes);
        }
    }

    private async Task<Result<Container>> TransferPartsAsync(FetchStatus status, ContentParts parts, Container? @base)
    {
        using NewContainer made = factory.Create(status.Fid);
        try
        {
            var fill = new PartsFill(made.File, parts, @base);
            if (!await work.RunAsync(fill.Prepare))
                return FailureKind.ContentDamaged;
            var request = new DownloadRequest
            {
                Fid = status.Fid,
                DataVersion = status.DataVersion,
                OffsetBytes = 0,
                LengthBytes = parts.TransferBytes,
                Extents = parts.Extents,
            };
            Result<long> count = parts.Extents.Count == 0 ? 0 : await calls.DownloadAsync(request, Write, stopping);
            if (!count.IsSuccess)
                return count.Failure;
            if (!fill.IsComplete || fill.WholeCrc32C != status.ContentCrc32C)
                return FailureKind.ContentDamaged;
            figures.ContentFetches.Add();
            figures.BytesFetched.Add(parts.TransferBytes);
            return table.Install(made.Finish(status.DataVersion, fill.WholeCrc32C, status.ModifyTime));

            ValueTask Write(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
            {
                fill.Write(offset, data.Span);
                return ValueTask.CompletedTask;
            }
        }
        catch (DiskException e)
        {
            return DiskFailures.ToFailure(e);
        }
        catch (InvalidDataException)
        {
            return FailureKind.ContentDamaged;
        }
    }

    private async Task<Result<Container>> TransferOnceAsync(FetchStatus status, byte[]? content)
    {
        using NewContainer made = factory.Create(status.Fid);
        try
        {
            var writer = new ContainerWriter(made.File);
            Failure failure = await FillAsync(writer, status, content);
            if (!failure.IsNone)
                return failure;
            if (writer.Position != status.LengthBytes || writer.Crc32C != status.ContentCrc32C)
                return FailureKind.ContentDamaged;
            figures.ContentFetches.Add();
            figures.BytesFetched.Add(status.LengthBytes);
            return table.Install(made.Finish(status.DataVersion, writer.Crc32C, status.ModifyTime));
        }
        catch (DiskException e)
        {
            return DiskFailures.ToFailure(e);
        }
        catch (InvalidDataException)
        {
            return FailureKind.ContentDamaged;
        }
    }

    private async Task<Failure> FillAsync(ContainerWriter writer, FetchStatus status, byte[]? content)
    {
        if (content is not null || status.LengthBytes == 0)
        {
            if ((content?.Length ?? 0) != status.LengthBytes)
                return FailureKind.ContentDamaged;
            writer.Write(0, content, status.LengthBytes);
            figures.BytesArrived.Add(status.LengthBytes);
            return Failure.None;
        }
        var request = new DownloadRequest { Fid = status.Fid, DataVersion = status.DataVersion, OffsetBytes = 0, LengthBytes = status.LengthBytes };
        Result<long> count = await calls.DownloadAsync(request, Write, stopping);
        return count.Failure;

        ValueTask Write(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
        {
            writer.Write(offset, data.Span, status.LengthBytes);
            figures.BytesArrived.Add(data.Length);
            return ValueTask.CompletedTask;
        }
    }
}
