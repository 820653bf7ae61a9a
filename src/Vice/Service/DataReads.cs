using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>Contents: small ones inside the reply, all of them as downloads. Small ones are rows of the metadata; for others the content store is waited for.</summary>
internal sealed class DataReads(IMetadataStore metadata, Promises promises, IContentStore store, ContentLog log, CallersTurns turns)
{
    /// <summary>A content may be replaced and deleted between the look at the metadata and its opening; each time there is a newer one.</summary>
    private const int MostAttempts = 16;

    public async ValueTask<Outcome<FetchDataReply>> FetchAsync(ClientSession session, FetchDataRequest request)
    {
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            Found found = await turns.RunAsync(() => Find(session, request));
            if (found.Answer is { } answer)
                return answer;
            if (await ReadAsync(found.Status!, found.Content!, request.Have) is { } reply)
                return reply;
        }
        throw new StorageException(StorageFailure.Corrupt, $"The content of {request.Fid} is missing. Run vice salvage.");
    }

    /// <summary>All but what the content store has to say.</summary>
    private Found Find(ClientSession session, FetchDataRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        if (view.Find(request.Fid, session.Id) is not { } status)
            return new Found(StatusReads.Missing(view, session, promises, request.Fid));
        if (NotAFile(status) is { } refusal)
            return new Found(refusal);
        if (request.Have == status.DataVersion)
            return new Found(new FetchDataReply { Status = status, IsUnchanged = true });
        ContentRecord? content = status.LengthBytes == 0 ? null : view.FindContent(request.Fid.Volume, request.Fid.Vnode);
        if (content is { Inline: null } && IsReadToReply(status))
            return new Found(null, status, content);
        if (status.LengthBytes > Limits.InlineContentBytes)
            return new Found(new FetchDataReply { Status = status, Parts = content is { Inline: null } ? FindChanges(status, request.Have) : null });
        byte[]? bytes = status.LengthBytes == 0 ? [] : content?.Inline;
        return bytes is not null
            ? new Found(new FetchDataReply { Status = status, Content = bytes })
            : throw new StorageException(StorageFailure.Corrupt, $"The content of {request.Fid} is missing. Run vice salvage.");
    }

    /// <summary>Of a small file, or one of holes. Null: it is gone, because it was replaced after the view's moment.</summary>
    private async ValueTask<FetchDataReply?> ReadAsync(FetchStatus status, ContentRecord record, DataVersion have)
    {
        try
        {
            if (status.LengthBytes > Limits.InlineContentBytes && FindChanges(status, have) is { } changes)
                return new FetchDataReply { Status = status, Parts = changes };
            await using IContent content = await store.OpenAsync(record, CancellationToken.None);
            if (status.LengthBytes > Limits.InlineContentBytes)
                return new FetchDataReply { Status = status, Parts = Worthwhile(status, DataVersion.None, Extents.Cover(await content.FindAllDataAsync(CancellationToken.None), status.LengthBytes)) };
            if (content.LengthBytes < status.LengthBytes)
                return null;
            byte[] bytes = new byte[status.LengthBytes];
            await content.ReadAsync(0, bytes, CancellationToken.None);
            return new FetchDataReply { Status = status, Content = bytes };
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return status.LengthBytes > Limits.InlineContentBytes ? new FetchDataReply { Status = status } : null;
        }
    }

    /// <summary>Aborts: VersionGone where another version is current.</summary>
    public async ValueTask<Outcome<IBulkSource>> DownloadAsync(ClientSession session, DownloadRequest request)
    {
        Outcome<Download> found = await turns.RunAsync(() => Find(session, request));
        if (!found.IsReply)
            return found.Abort;
        (FetchStatus status, ContentRecord? record, long lengthBytes) = found.Value;
        if (record is null || record.Inline is not null)
            return new InlineSource((record?.Inline ?? []).AsMemory((int)request.OffsetBytes, (int)lengthBytes));
        try
        {
            IContent content = await OpenWholeAsync(record, status);
            return request.Extents.Count > 0 ? new ExtentSource(content, request.Extents) : new ObjectSource(content, request.OffsetBytes, lengthBytes);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return AbortCodes.VersionGone;
        }
    }

    private Outcome<Download> Find(ClientSession session, DownloadRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        if (view.Find(request.Fid, session.Id) is not { } status)
            return view.FindVolume(request.Fid.Volume) is null ? AbortCodes.NoVolume : AbortCodes.NoVnode;
        if (NotAFile(status) is { } refusal)
            return refusal;
        if (status.DataVersion != request.DataVersion)
            return AbortCodes.VersionGone;
        if (request.OffsetBytes > status.LengthBytes || !Extents.AreValid(request.Extents, status.LengthBytes))
            return AbortCodes.BadArgument;
        long length = Math.Min(request.LengthBytes, status.LengthBytes - request.OffsetBytes);
        return new Download(status, view.FindContent(request.Fid.Volume, request.Fid.Vnode), length);
    }

    /// <summary>Once its first bytes are sent, a download can only break off; so what is too short is refused before.</summary>
    /// <exception cref="StorageException">It lost a part.</exception>
    private async ValueTask<IContent> OpenWholeAsync(ContentRecord record, FetchStatus status)
    {
        IContent content = await store.OpenAsync(record, CancellationToken.None);
        if (content.LengthBytes >= status.LengthBytes)
            return content;
        await content.DisposeAsync();
        throw new StorageException(StorageFailure.Corrupt, $"The content of {status.Fid} has {content.LengthBytes} of its {status.LengthBytes} bytes. Run vice scrub.");
    }

    /// <summary>What a client with that version needs. Null: all of it, or nobody knows.</summary>
    private ContentParts? FindChanges(FetchStatus status, DataVersion have) =>
        have != DataVersion.None && log.Between(status.Fid, have, status.DataVersion, status.LengthBytes) is { } extents ? Worthwhile(status, have, extents) : null;

    private static ContentParts? Worthwhile(FetchStatus status, DataVersion have, IReadOnlyList<Extent> extents)
    {
        var parts = new ContentParts { LengthBytes = status.LengthBytes, Base = have, Extents = extents };
        return parts.TransferBytes < status.LengthBytes / 4 * 3 ? parts : null;
    }

    /// <summary>Its file, if it has one, is looked into for the reply.</summary>
    private static bool IsReadToReply(FetchStatus status) => status.LengthBytes <= Limits.InlineContentBytes || IsSparse(status);

    private static bool IsSparse(FetchStatus status) => status.AllocatedBytes < status.LengthBytes / 2;

    private static AbortCode? NotAFile(FetchStatus status) => status.Type switch
    {
        FileType.Regular => null,
        FileType.Directory => AbortCodes.IsADirectory,
        _ => AbortCodes.BadArgument,
    };

    /// <summary>What a look at the metadata gave: the answer, or what is still to be read.</summary>
    private readonly record struct Found(Outcome<FetchDataReply>? Answer, FetchStatus? Status = null, ContentRecord? Content = null);

    private sealed record Download(FetchStatus Status, ContentRecord? Content, long LengthBytes);
}

/// <summary>Downloads and uploads of contents.</summary>
internal sealed class BulkHandler(Reads reads, DataReads data, Uploads uploads) : IBulkHandler
{
    public ValueTask<Outcome<IBulkSource>> OpenSourceAsync(BulkRequest request)
    {
        DownloadRequest download = WireCodec.FromBytes<DownloadRequest>(request.Request);
        return reads.WaitAsync(request.Context, RequestChecks.Check(download), session => data.DownloadAsync(session, download));
    }

    public ValueTask<Outcome<IBulkSink>> OpenSinkAsync(BulkRequest request, long lengthBytes)
    {
        UploadRequest upload = WireCodec.FromBytes<UploadRequest>(request.Request);
        return reads.WaitAsync(request.Context, RequestChecks.Check(upload), session => OpenAsync(session, request.Context.Id, upload, lengthBytes));
    }

    private async ValueTask<Outcome<IBulkSink>> OpenAsync(ClientSession session, CallId caller, UploadRequest upload, long lengthBytes)
    {
        Outcome<IBulkSink> opened = await uploads.OpenAsync(caller, upload, lengthBytes);
        return opened.IsReply ? Outcome<IBulkSink>.Reply(new ShippedSink(session, opened.Value)) : opened;
    }

    /// <summary>A client whose contents arrive is at work on what others may be waiting for.</summary>
    private sealed class ShippedSink(ClientSession session, IBulkSink sink) : IBulkSink
    {
        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
        {
            session.Shipped();
            return sink.WriteAsync(offset, data, cancellation);
        }

        public ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation)
        {
            session.Shipped();
            return sink.CompleteAsync(cancellation);
        }

        public ValueTask DisposeAsync() => sink.DisposeAsync();
    }
}
