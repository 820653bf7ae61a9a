using Afs.Platform;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>How much is done at a time with contents, of all volumes together: fetches, stores, small stores, and comparisons with a checksum after a crash.</summary>
internal sealed class TransferTurns(CacheLimits limits)
{
    /// <summary>Fewer than the threads for such work, which others need as well.</summary>
    private const int MostVerified = 2;

    public SemaphoreSlim Fetches { get; } = new(limits.MostTransfers);

    public SemaphoreSlim Stores { get; } = new(limits.MostTransfers);

    public SemaphoreSlim SmallStores { get; } = new(limits.MostSmallStores);

    public SemaphoreSlim Verifications { get; } = new(MostVerified);
}

/// <summary>
/// Brings the content of one version into a new container, whole or in parts, and makes it the current one when all of it came and its checksum is right.
/// A limited number at a time.
/// </summary>
internal sealed class ContentTransfers(
    ViceCalls calls, ContainerTable table, ContainerSeals seals, ContainerFactory factory, CacheRoom room, TransferTurns turns, CacheFigures figures, IBlockingWork work,
    BlockKeeper blocks, long leastArrivingBytes, CancellationToken stopping)
{
    /// <summary>A transfer that breaks off goes on where it stopped, so often, if anything came each time.</summary>
    private const int MostResumptions = 64;

    /// <param name="content">What came with the status; null where it must be downloaded.</param>
    /// <param name="running">Is told of the container where it can be read before all is there. Null: it stays beside the current one, and in nobody's table.</param>
    public Task<Result<Container>> WholeAsync(FetchStatus status, byte[]? content, RunningFetch? running, OperationContext operation) =>
        InRoomAsync(status.LengthBytes, () => WholeOnceAsync(status, content, running, operation));

    /// <param name="isBeside">It stays beside the current one, and in nobody's table.</param>
    public async Task<Result<Container>> PartsAsync(FetchStatus status, ContentParts parts, Container? cached, OperationContext operation, bool isBeside = false)
    {
        Container? @base = parts.Base == DataVersion.None ? null : cached;
        if (@base is not null && !TryPin(@base))
            return FailureKind.ContentDamaged;
        try
        {
            long neededBytes = @base is null ? parts.TransferBytes : @base.Baseline.AllocatedBytes + parts.TransferBytes;
            return await InRoomAsync(neededBytes, () => PartsOnceAsync(status, parts, @base, isBeside, operation));
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
        await turns.Fetches.WaitAsync(stopping);
        try
        {
            Result<Container> result = await transfer();
            if (result.Failure.Kind == FailureKind.CacheFull && room.FreeDisk(bytes))
                result = await transfer();
            return result;
        }
        finally
        {
            turns.Fetches.Release();
            room.Release(bytes);
        }
    }

    private async Task<Result<Container>> PartsOnceAsync(FetchStatus status, ContentParts parts, Container? @base, bool isBeside, OperationContext operation)
    {
        using NewContainer made = factory.Create(status.Fid);
        try
        {
            using ArrivingSums? sums = blocks.ForParts(parts, @base);
            var fill = new PartsFill(made.File, parts, @base, sums, mayBeOpen: isBeside);
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
            Result<long> count = parts.Extents.Count == 0 ? 0 : await calls.DownloadAsync(request, Write, operation);
            if (!count.IsSuccess)
                return count.Failure;
            if (!fill.IsComplete || fill.WholeCrc32C != status.ContentCrc32C)
                return FailureKind.ContentDamaged;
            figures.ContentFetches.Add();
            figures.BytesFetched.Add(parts.TransferBytes);
            Container whole = made.Finish(status.DataVersion, fill.WholeCrc32C, status.ModifyTime, sums?.Sums);
            return isBeside ? whole : seals.Install(whole);

            ValueTask Write(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
            {
                fill.Write(offset, data.Span);
                figures.BytesArrived.Add(data.Length);
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

    private async Task<Result<Container>> WholeOnceAsync(FetchStatus status, byte[]? content, RunningFetch? running, OperationContext operation)
    {
        using NewContainer made = factory.Create(status.Fid);
        using ArrivingSums? sums = blocks.ForWhole(status.LengthBytes);
        var writer = new ContainerWriter(made.File, sums);
        Container? arriving = running is not null && content is null && status.LengthBytes >= leastArrivingBytes ? made.Announce(status) : null;
        Failure failure = FailureKind.Interrupted;
        try
        {
            if (arriving is not null)
            {
                made.File.SetLength(status.LengthBytes);
                running!.Announce(arriving);
            }
            failure = await FillAsync(writer, status, content, arriving?.Arrival, operation);
            if (failure.IsNone && (writer.Position != status.LengthBytes || writer.Crc32C != status.ContentCrc32C))
                failure = FailureKind.ContentDamaged;
            if (!failure.IsNone)
                return failure;
            figures.ContentFetches.Add();
            figures.BytesFetched.Add(status.LengthBytes);
            Container whole = arriving is null
                ? made.Finish(status.DataVersion, status.ContentCrc32C, status.ModifyTime, sums?.Sums)
                : made.FinishAs(arriving, status.ModifyTime, sums?.Sums);
            return running is null ? whole : seals.Install(whole);
        }
        catch (DiskException e)
        {
            failure = DiskFailures.ToFailure(e);
            return failure;
        }
        catch (InvalidDataException)
        {
            failure = FailureKind.ContentDamaged;
            return failure;
        }
        finally
        {
            arriving?.Arrival!.Finish(failure);
            if (!failure.IsNone)
                arriving?.Retire(ContainerFate.Superseded);
        }
    }

    private async Task<Failure> FillAsync(ContainerWriter writer, FetchStatus status, byte[]? content, Arrival? arrival, OperationContext operation)
    {
        if (content is not null || status.LengthBytes == 0)
        {
            if ((content?.Length ?? 0) != status.LengthBytes)
                return FailureKind.ContentDamaged;
            writer.Write(0, content, status.LengthBytes);
            figures.BytesArrived.Add(status.LengthBytes);
            return Failure.None;
        }
        for (int resumption = 0; ; resumption++)
        {
            long from = writer.Position;
            var request = new DownloadRequest { Fid = status.Fid, DataVersion = status.DataVersion, OffsetBytes = from, LengthBytes = status.LengthBytes - from };
            Result<long> count = await calls.DownloadAsync(request, (offset, data, _) => Write(from + offset, data), operation);
            bool cameFurther = writer.Position > from && writer.Position < status.LengthBytes;
            bool isLost = count.Failure.Kind != FailureKind.Unreachable || !cameFurther || resumption == MostResumptions;
            // Without readers who have begun, the fetch as a whole may be tried again, for what is current by then.
            if (count.IsSuccess || isLost || arrival is null)
                return count.Failure;
        }

        ValueTask Write(long offset, ReadOnlyMemory<byte> data)
        {
            writer.Write(offset, data.Span, status.LengthBytes);
            figures.BytesArrived.Add(data.Length);
            arrival?.Advance(writer.Position);
            return ValueTask.CompletedTask;
        }
    }
}
