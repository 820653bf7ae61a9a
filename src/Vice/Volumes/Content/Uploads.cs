using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Volumes.Content;

/// <summary>Takes uploads in: room, files, and what becomes of those that fail.</summary>
public sealed partial class Uploads(ContentStore store, UploadTable table, Room room, IBlockingWork work, TimeProvider time, ILogger log)
{
    public UploadTable Table => table;

    internal ContentStore Store => store;

    internal IBlockingWork Work => work;

    /// <summary>Aborts: FileTooLarge, Busy, NoSpace, ServerDiskFailed, VersionGone.</summary>
    /// <param name="view">As of this moment, for the base of parts.</param>
    /// <param name="transferBytes">What will come.</param>
    public Outcome<IBulkSink> Open(IMetadataView view, ClientId client, UploadRequest request, long transferBytes)
    {
        long lengthBytes = request.Parts?.LengthBytes ?? transferBytes;
        if (lengthBytes < 0 || request.Parts is { } announced && announced.TransferBytes != transferBytes)
            return AbortCodes.BadArgument;
        if (lengthBytes > Limits.FileBytes)
            return AbortCodes.FileTooLarge;
        if (!table.TryReserve(client, lengthBytes))
            return AbortCodes.Busy;
        PartsBase? @base = null;
        try
        {
            if (request.Parts is { } parts && parts.Base != DataVersion.None)
            {
                @base = PartsBase.TryOpen(view, store, request.Fid, parts);
                if (@base is null)
                {
                    table.Release(client, lengthBytes);
                    return AbortCodes.VersionGone;
                }
            }

            RequireRoom();
            (ObjectId id, IDiskFile file) = store.Create();
            return request.Parts is null
                ? new UploadSink(this, client, request, lengthBytes, id, file)
                : OpenParts(client, request, request.Parts, @base, id, file);
        }
        catch (DiskException e)
        {
            @base?.Dispose();
            table.Release(client, lengthBytes);
            return Refuse(e);
        }
    }

    /// <summary>A patch that came as a whole becomes an upload. Blocks for the disk. Aborts: Busy, NoSpace, ServerDiskFailed; None: it is staged.</summary>
    internal AbortCode Keep(ClientId client, UploadRequest request, ContentParts parts, PagePatch patch)
    {
        if (!table.TryReserve(client, parts.LengthBytes))
            return AbortCodes.Busy;
        ObjectId id = ObjectId.None;
        try
        {
            RequireRoom();
            (id, IDiskFile file) = store.Create();
            using (file)
            {
                file.Write(0, patch.ToBytes());
                store.Keep(id, file);
            }
        }
        catch (DiskException e)
        {
            Abandon(client, id, parts.LengthBytes);
            return Refuse(e);
        }
        Stage(client, request, id, parts.LengthBytes, patch.Crc32C, patch.Base, parts);
        return AbortCode.None;
    }

    /// <summary>Deletes contents that nobody came for.</summary>
    public void Sweep()
    {
        foreach (StagedUpload upload in table.TakeExpired())
            Delete(upload.Object);
    }

    internal AbortCode Refuse(DiskException e)
    {
        LogRefused(log, e.Message);
        return e.Failure == DiskFailure.NoSpace ? AbortCodes.NoSpace : AbortCodes.ServerDiskFailed;
    }

    internal void Stage(
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
            Delete(earlier.Object);
    }

    internal void Abandon(ClientId client, ObjectId id, long lengthBytes)
    {
        table.Release(client, lengthBytes);
        try
        {
            store.Discard(id);
        }
        catch (DiskException e)
        {
            LogLeft(log, e.Message);
        }
    }

    /// <summary>A sparse content may be far longer than its room; so only what must stay free is asked for.</summary>
    private void RequireRoom()
    {
        room.Look();
        if (room.IsFull)
            throw new DiskException(DiskFailure.NoSpace, "The server's disk is full.");
    }

    /// <summary>Owns the file also where it fails; the base only where it doesn't.</summary>
    private PartsSink OpenParts(ClientId client, UploadRequest request, ContentParts parts, PartsBase? @base, ObjectId id, IDiskFile file)
    {
        try
        {
            IPartsTarget? target = @base is null ? null : PatchTarget.TryMake(file, parts, @base.Whole, @base.File);
            return new PartsSink(this, client, request, parts, @base, target ?? new WholeTarget(file, parts, @base?.File), id, file);
        }
        catch (DiskException)
        {
            file.Dispose();
            store.Discard(id);
            throw;
        }
    }

    /// <summary>What can't be deleted is found and deleted at the next start.</summary>
    private void Delete(ObjectId id)
    {
        try
        {
            store.Delete(id);
        }
        catch (DiskException e)
        {
            LogLeft(log, e.Message);
        }
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Warning, Message = "An upload was refused: {Reason}")]
    private static partial void LogRefused(ILogger log, string reason);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message = "A content without a file stays until the next start: {Reason}")]
    private static partial void LogLeft(ILogger log, string reason);
}
