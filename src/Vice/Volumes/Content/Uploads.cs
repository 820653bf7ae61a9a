using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Volumes.Content;

/// <summary>Takes uploads in: room, files, and what becomes of those that fail.</summary>
public sealed partial class Uploads(ContentStore store, UploadTable table, Room room, IBlockingWork work, TimeProvider time, ILogger log)
{
    public UploadTable Table => table;

    internal ContentStore Store => store;

    internal IBlockingWork Work => work;

    /// <summary>Aborts: FileTooLarge, Busy, NoSpace, ServerDiskFailed.</summary>
    public Outcome<IBulkSink> Open(ClientId client, UploadRequest request, long lengthBytes)
    {
        if (lengthBytes < 0)
            return AbortCodes.BadArgument;
        if (lengthBytes > Limits.FileBytes)
            return AbortCodes.FileTooLarge;
        if (!table.TryReserve(client, lengthBytes))
            return AbortCodes.Busy;
        try
        {
            // A sparse content may be far longer than its room; so only what must stay free is asked for.
            room.Look();
            if (room.IsFull)
                throw new DiskException(DiskFailure.NoSpace, "The server's disk is full.");
            (ObjectId id, IDiskFile file) = store.Create();
            return new UploadSink(this, client, request, lengthBytes, id, file);
        }
        catch (DiskException e)
        {
            table.Release(client, lengthBytes);
            return Refuse(e);
        }
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

    internal void Stage(ClientId client, UploadRequest request, ObjectId id, long lengthBytes, uint crc32C)
    {
        StagedUpload? earlier = table.Stage(new StagedUpload
        {
            Client = client,
            Upload = request.Upload,
            Volume = request.Volume,
            Object = id,
            LengthBytes = lengthBytes,
            Crc32C = crc32C,
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
