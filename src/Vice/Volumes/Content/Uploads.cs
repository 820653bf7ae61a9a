using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Volumes.Content;

/// <summary>Takes uploads in: room, contents, and what becomes of those that fail.</summary>
/// <param name="turns">Where metadata is read.</param>
public sealed partial class Uploads(
    IMetadataStore metadata, IContentStore store, ObjectIds ids, UploadTable table, Room room, CallersTurns turns, TimeProvider time, PeerWarnings warnings, ILogger log)
{
    /// <summary>Whose uploads the disk refuses says nothing of why.</summary>
    private const string AllClients = "all clients";

    public UploadTable Table => table;

    /// <summary>Aborts: NoVolume, FileTooLarge, Busy, NoSpace, ServerDiskFailed, VersionGone.</summary>
    /// <param name="transferBytes">What will come.</param>
    public async ValueTask<Outcome<IBulkSink>> OpenAsync(CallId caller, UploadRequest request, long transferBytes)
    {
        ClientId client = caller.Client;
        Outcome<(FetchStatus Status, ContentRecord Content)?> found = await turns.RunAsync(() => Find(caller.Session, request));
        if (!found.IsReply)
            return found.Abort;
        long lengthBytes = request.Parts?.LengthBytes ?? transferBytes;
        if (lengthBytes < 0 || request.Parts is { } announced && announced.TransferBytes != transferBytes)
            return AbortCodes.BadArgument;
        if (lengthBytes > Limits.FileBytes)
            return AbortCodes.FileTooLarge;
        if (!table.TryReserve(client, lengthBytes))
            return AbortCodes.Busy;
        PartsBase? @base = null;
        IBulkSink? sink = null;
        try
        {
            if (request.Parts is { } parts && parts.Base != DataVersion.None)
            {
                @base = found.Value is { } current ? await PartsBase.TryOpenAsync(store, current.Status, current.Content) : null;
                if (@base is null)
                    return AbortCodes.VersionGone;
            }

            (ObjectId id, IContentWriter writer) = await CreateAsync(client);
            sink = request.Parts is null
                ? new UploadSink(this, client, request, lengthBytes, id, writer)
                : new PartsSink(this, client, request, request.Parts, @base, id, writer);
            return Outcome<IBulkSink>.Reply(sink);
        }
        catch (DiskException e)
        {
            return Refuse(e);
        }
        finally
        {
            // Whatever was thrown: what the client may have is not used up by what never began.
            if (sink is null)
            {
                table.Release(client, lengthBytes);
                if (@base is not null)
                    await @base.DisposeAsync();
            }
        }
    }

    /// <summary>A patch that came as a whole becomes an upload. Aborts: Busy, NoSpace, ServerDiskFailed; None: it is staged.</summary>
    internal async ValueTask<AbortCode> KeepAsync(ClientId client, UploadRequest request, ContentParts parts, PagePatch patch)
    {
        if (!table.TryReserve(client, parts.LengthBytes))
            return AbortCodes.Busy;
        bool isKept = false;
        try
        {
            (ObjectId id, IContentWriter writer) = await CreateAsync(client);
            await using (writer)
            {
                await AppendAsync(client, writer, new[] { ContentPiece.Of(await patch.ToBytesAsync()) });
                await writer.CompleteAsync(CancellationToken.None);
            }
            isKept = true;
            await StageAsync(client, request, id, parts.LengthBytes, patch.Crc32C, patch.Base, parts);
            return AbortCode.None;
        }
        catch (DiskException e)
        {
            return Refuse(e);
        }
        finally
        {
            if (!isKept)
                table.Release(client, parts.LengthBytes);
        }
    }

    /// <summary>Adds to a content that comes. Where there is no room, uploads that wait for a file yield to a client that has less: nobody fills all of it for good.</summary>
    /// <exception cref="DiskException">There is no room, or the store failed.</exception>
    internal async ValueTask AppendAsync(ClientId client, IContentWriter writer, ReadOnlyMemory<ContentPiece> pieces)
    {
        for (; ; )
        {
            try
            {
                await writer.AppendAsync(pieces, CancellationToken.None);
                return;
            }
            catch (DiskException e) when (e.Failure == DiskFailure.NoSpace)
            {
                if (!await TryYieldAsync(client))
                    throw;
            }
        }
    }

    /// <summary>Deletes contents that nobody came for. A client whose upload went uploads it again.</summary>
    /// <returns>How many.</returns>
    public Task<int> SweepAsync() => DropAsync(room.IsFull ? UploadTable.PatienceWithoutRoom : UploadTable.Patience);

    /// <summary>Deletes contents that wait for a file for so long.</summary>
    /// <returns>How many.</returns>
    public async Task<int> DropAsync(TimeSpan patience)
    {
        IReadOnlyList<StagedUpload> dropped = table.TakeStaged(patience);
        foreach (StagedUpload upload in dropped)
            await DeleteAsync(upload.Object);
        return dropped.Count;
    }

    internal AbortCode Refuse(DiskException e)
    {
        if (warnings.MayTell(AllClients, nameof(LogRefused), out string more))
            LogRefused(log, e.Message, more);
        return e.Failure == DiskFailure.NoSpace ? AbortCodes.NoSpace : AbortCodes.ServerDiskFailed;
    }

    internal async ValueTask StageAsync(
        ClientId client, UploadRequest request, ObjectId id, long lengthBytes, uint crc32C, ObjectId @base = default, ContentParts? parts = null)
    {
        StagedUpload? earlier = table.Stage(new StagedUpload
        {
            Client = client,
            Upload = request.Upload,
            Volume = request.Volume,
            Object = id,
            LengthBytes = lengthBytes,
            Crc32C = crc32C,
            Base = @base,
            Fid = request.Fid,
            Parts = parts,
            StagedAt = time.GetTimestamp(),
        });
        if (earlier is not null)
            await DeleteAsync(earlier.Object);
    }

    /// <summary>Nothing is left of it.</summary>
    internal async ValueTask AbandonAsync(ClientId client, IContentWriter writer, long lengthBytes)
    {
        table.Release(client, lengthBytes);
        try
        {
            await writer.DisposeAsync();
        }
        catch (DiskException e)
        {
            TellLeft(e);
        }
    }

    /// <summary>Null: there is no such file here, or no base that parts could build on. Aborts: NoVolume.</summary>
    private Outcome<(FetchStatus Status, ContentRecord Content)?> Find(SessionId session, UploadRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        if (view.FindVolume(request.Volume) is null)
            return AbortCodes.NoVolume;
        return request.Parts is { } parts && parts.Base != DataVersion.None ? PartsBase.Find(view, session, request.Fid, parts) : null;
    }

    /// <exception cref="DiskException">There is no room, or the store failed.</exception>
    private async ValueTask<(ObjectId Id, IContentWriter Writer)> CreateAsync(ClientId client)
    {
        for (; ; )
        {
            try
            {
                ObjectId id = ids.Next();
                return (id, await store.CreateAsync(id, CancellationToken.None));
            }
            catch (DiskException e) when (e.Failure == DiskFailure.NoSpace)
            {
                if (!await TryYieldAsync(client))
                    throw;
            }
        }
    }

    /// <summary>False: nobody has more than this client.</summary>
    private async ValueTask<bool> TryYieldAsync(ClientId client)
    {
        if (table.TakeSpare(client) is not { } spare)
            return false;
        await DeleteAsync(spare.Object);
        return true;
    }

    /// <summary>What can't be deleted is found and deleted at the next start.</summary>
    private async ValueTask DeleteAsync(ObjectId id)
    {
        try
        {
            await store.DeleteAsync(id, CancellationToken.None);
        }
        catch (DiskException e)
        {
            TellLeft(e);
        }
    }

    private void TellLeft(DiskException e)
    {
        if (warnings.MayTell(AllClients, nameof(LogLeft), out string more))
            LogLeft(log, e.Message, more);
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Warning, Message = "An upload was refused: {Reason}{More}")]
    private static partial void LogRefused(ILogger log, string reason, string more);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message = "A content without a file stays until the next start: {Reason}{More}")]
    private static partial void LogLeft(ILogger log, string reason, string more);
}

/// <summary>
/// Uploads of all clients, from their first byte until a file has them or they are too old. Bounded in number and bytes for each
/// client. Safe for concurrent use.
/// </summary>
public sealed class UploadTable(TimeProvider time)
{
    public const int MostPerClient = 128;

    public const long MostBytesPerClient = 4 * Limits.FileBytes;

    /// <summary>For how long a content without a file is kept.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>The same where the disk is full. A client comes for its upload as soon as it hears that it is whole.</summary>
    public static readonly TimeSpan PatienceWithoutRoom = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<(ClientId, UploadId), StagedUpload> _staged = [];
    private readonly Dictionary<ClientId, (int Count, long Bytes)> _use = [];

    /// <summary>Uploads under way or staged.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _use.Values.Sum(use => use.Count);
        }
    }

    /// <summary>Room for one more of this client. False: it has enough. Each true is followed by one <see cref="Release"/>, or by <see cref="Stage"/>.</summary>
    public bool TryReserve(ClientId client, long lengthBytes)
    {
        lock (_lock)
        {
            (int count, long bytes) = _use.GetValueOrDefault(client);
            if (count >= MostPerClient || bytes + lengthBytes > MostBytesPerClient)
                return false;
            _use[client] = (count + 1, bytes + lengthBytes);
            return true;
        }
    }

    public void Release(ClientId client, long lengthBytes)
    {
        lock (_lock)
            ReleaseLocked(client, lengthBytes);
    }

    /// <summary>The upload is whole. The value is an earlier one of the same id, whose content the caller deletes; null if there was none, or a file is getting it.</summary>
    public StagedUpload? Stage(StagedUpload upload)
    {
        lock (_lock)
        {
            _staged.Remove((upload.Client, upload.Upload), out StagedUpload? earlier);
            _staged.Add((upload.Client, upload.Upload), upload);
            if (earlier is null)
                return null;
            ReleaseLocked(earlier.Client, earlier.LengthBytes);
            return earlier.IsTaken ? null : earlier;
        }
    }

    /// <summary>For a mutation: nobody else gets it. Null: there is none, or another mutation has it.</summary>
    public StagedUpload? Take(ClientId client, UploadId id)
    {
        lock (_lock)
        {
            if (!_staged.TryGetValue((client, id), out StagedUpload? upload) || upload.IsTaken)
                return null;
            upload.IsTaken = true;
            return upload;
        }
    }

    /// <summary>The mutation was refused, or its commit failed.</summary>
    public void GiveBack(StagedUpload upload)
    {
        lock (_lock)
            upload.IsTaken = false;
    }

    /// <summary>A file has it.</summary>
    public void Finish(StagedUpload upload)
    {
        lock (_lock)
        {
            if (!_staged.TryGetValue((upload.Client, upload.Upload), out StagedUpload? staged) || !ReferenceEquals(staged, upload))
                return;
            _staged.Remove((upload.Client, upload.Upload));
            ReleaseLocked(upload.Client, upload.LengthBytes);
        }
    }

    /// <summary>Takes out what no mutation came for in that time. The caller deletes the contents.</summary>
    public IReadOnlyList<StagedUpload> TakeStaged(TimeSpan patience)
    {
        lock (_lock)
        {
            List<StagedUpload> expired = [.. _staged.Values.Where(u => !u.IsTaken && time.GetElapsedTime(u.StagedAt) >= patience)];
            foreach (StagedUpload upload in expired)
            {
                _staged.Remove((upload.Client, upload.Upload));
                ReleaseLocked(upload.Client, upload.LengthBytes);
            }
            return expired;
        }
    }

    /// <summary>
    /// Where the disk is full: of the client that has the most waiting, the oldest, if that client has more than the one that asks, with all that this one announced.
    /// The caller deletes the content. Null: nobody has.
    /// </summary>
    public StagedUpload? TakeSpare(ClientId asker)
    {
        lock (_lock)
        {
            IGrouping<ClientId, StagedUpload>? most = _staged.Values.Where(upload => !upload.IsTaken && upload.Client != asker)
                .GroupBy(static upload => upload.Client).MaxBy(static uploads => uploads.Sum(static upload => upload.LengthBytes));
            if (most is null || most.Sum(static upload => upload.LengthBytes) <= _use.GetValueOrDefault(asker).Bytes)
                return null;
            StagedUpload oldest = most.MinBy(static upload => upload.StagedAt)!;
            _staged.Remove((oldest.Client, oldest.Upload));
            ReleaseLocked(oldest.Client, oldest.LengthBytes);
            return oldest;
        }
    }

    private void ReleaseLocked(ClientId client, long lengthBytes)
    {
        (int count, long bytes) = _use[client];
        if (count == 1)
            _use.Remove(client);
        else
            _use[client] = (count - 1, bytes - lengthBytes);
    }

    /// <summary>INVARIANT: what is staged is counted, with its client, and no client has more than it may.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            foreach ((ClientId client, (int count, long bytes)) in _use)
            {
                List<StagedUpload> staged = [.. _staged.Values.Where(upload => upload.Client == client)];
                if (count < Math.Max(1, staged.Count) || count > MostPerClient || bytes < staged.Sum(static upload => upload.LengthBytes) || bytes > MostBytesPerClient)
                    throw new InvalidOperationException($"Upload table: client {client} has {count} uploads of {bytes} bytes, {staged.Count} of them staged.");
            }
            if (_staged.Any(pair => pair.Key != (pair.Value.Client, pair.Value.Upload) || !_use.ContainsKey(pair.Value.Client)))
                throw new InvalidOperationException("Upload table: an upload is staged that isn't counted.");
        }
    }
}

/// <summary>One upload as it comes. Whatever ends it before it is complete leaves nothing behind.</summary>
internal sealed class UploadSink(Uploads uploads, ClientId client, UploadRequest request, long lengthBytes, ObjectId id, IContentWriter writer) : IBulkSink
{
    private readonly ContentPiece[] _piece = new ContentPiece[1];
    private Crc32C _crc;
    private AbortCode _failure = AbortCode.None;
    private bool _isOver;

    /// <summary>After a failure the rest is read over, so that the client hears the reason at the end; what came until then is thrown away at once.</summary>
    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        if (_failure != AbortCode.None)
            return;
        if (offset != writer.LengthBytes || offset + data.Length > lengthBytes)
            _failure = AbortCodes.BadArgument;
        else
            await AppendAsync(data);
        if (_failure != AbortCode.None)
            await DropAsync();
    }

    public async ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation)
    {
        if (_failure == AbortCode.None && writer.LengthBytes != lengthBytes)
            _failure = AbortCodes.BadArgument;
        if (_failure != AbortCode.None)
            return _failure;
        try
        {
            await writer.CompleteAsync(CancellationToken.None);
        }
        catch (DiskException e)
        {
            return uploads.Refuse(e);
        }
        _isOver = true;
        await uploads.StageAsync(client, request, id, lengthBytes, _crc.Value);
        var reply = new UploadReply { Upload = request.Upload, LengthBytes = lengthBytes, Crc32C = _crc.Value };
        return new ReadOnlyMemory<byte>(WireCodec.ToBytes(reply));
    }

    public ValueTask DisposeAsync() => DropAsync();

    private async ValueTask AppendAsync(ReadOnlyMemory<byte> data)
    {
        try
        {
            _piece[0] = ContentPiece.Of(data);
            await uploads.AppendAsync(client, writer, _piece);
            _crc.Add(data.Span);
        }
        catch (DiskException e)
        {
            _failure = uploads.Refuse(e);
        }
    }

    /// <summary>Nothing is left of it, unless it was kept.</summary>
    private async ValueTask DropAsync()
    {
        if (_isOver)
            return;
        _isOver = true;
        await uploads.AbandonAsync(client, writer, lengthBytes);
    }
}

/// <summary>A content that came whole, is on stable storage, and that no file has yet. Belongs to <see cref="UploadTable"/>.</summary>
public sealed class StagedUpload
{
    public required ClientId Client { get; init; }
    public required UploadId Upload { get; init; }
    public required VolumeId Volume { get; init; }
    public required ObjectId Object { get; init; }
    public required long LengthBytes { get; init; }
    public required uint Crc32C { get; init; }

    /// <summary>The whole content file that it is a patch over; <see cref="ObjectId.None"/> where it is whole.</summary>
    public ObjectId Base { get; init; }

    /// <summary>The file whose version it was made from, where it came in parts.</summary>
    public Fid Fid { get; init; }

    /// <summary>What came, where it came in parts.</summary>
    public ContentParts? Parts { get; init; }

    /// <summary>When it came, by the clock's timestamp.</summary>
    public required long StagedAt { get; init; }

    /// <summary>A mutation that is being committed makes it a file's.</summary>
    public bool IsTaken { get; set; }
}

/// <summary>
/// Whether the server's disk has room for what adds to it. The last of it is kept for removals and for the log that every change needs:
/// a disk that is full to the last byte could not even be emptied.
/// </summary>
public sealed class Room(IDisk disk)
{
    private const long MostReservedBytes = 64 * 1024 * 1024;
    private const int ReservedPart = 32;

    private volatile bool _isFull;

    /// <summary>As of the last look.</summary>
    public bool IsFull => _isFull;

    /// <summary>What must stay free, as of the last look.</summary>
    public long KeptBackBytes { get; private set; }

    /// <summary>Looks, and refuses where there is none. To be asked again as something grows: its length at the beginning says little, for it may be sparse.</summary>
    /// <exception cref="DiskException">There is no room, or the disk can't say.</exception>
    public void Require()
    {
        Look();
        if (IsFull)
            throw new DiskException(DiskFailure.NoSpace, "The server's disk is full.");
    }

    /// <exception cref="DiskException">The disk can't say.</exception>
    public void Look()
    {
        DiskSpace space = disk.GetSpace();
        KeptBackBytes = ReservedBytes(space);
        _isFull = space.FreeBytes < KeptBackBytes;
    }

    /// <summary>What is kept back of such a disk.</summary>
    public static long ReservedBytes(DiskSpace space) => Math.Min(MostReservedBytes, space.TotalBytes / ReservedPart);
}
