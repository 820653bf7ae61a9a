using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>Contents: small ones inside the reply, all of them as downloads. Small ones are rows of the metadata; files are opened and read where it may take its time.</summary>
internal sealed class DataReads(IMetadataStore metadata, Promises promises, ContentStore store, ContentLog log, CallersTurns turns, IBlockingWork work)
{
    /// <summary>A content may be replaced and deleted between the look at the metadata and the opening of its file; each time there is a newer one.</summary>
    private const int MostAttempts = 16;

    public async ValueTask<Outcome<FetchDataReply>> FetchAsync(ClientSession session, FetchDataRequest request) =>
        await turns.RunAsync(() => Fetch(session, request, mayOpen: false)) ?? (await work.RunAsync(() => Fetch(session, request, mayOpen: true)))!.Value;

    /// <summary>Null: a file is to be opened, and that mustn't be.</summary>
    private Outcome<FetchDataReply>? Fetch(ClientSession session, FetchDataRequest request, bool mayOpen)
    {
        promises.Grant(session, request.Fid);
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            using IMetadataView view = metadata.OpenView();
            if (view.Find(request.Fid, session.Id) is not { } status)
                return StatusReads.Missing(view, session, promises, request.Fid);
            if (NotAFile(status) is { } refusal)
                return refusal;
            if (request.Have == status.DataVersion)
                return new FetchDataReply { Status = status, IsUnchanged = true };
            ContentRecord? content = status.LengthBytes == 0 ? null : view.FindContent(request.Fid.Volume, request.Fid.Vnode);
            if (content is { Inline: null } && !mayOpen && IsReadToReply(status))
                return null;
            if (status.LengthBytes > Limits.InlineContentBytes)
                return new FetchDataReply { Status = status, Parts = FindParts(content, status, request.Have) };
            if (ReadSmall(content, status) is { } bytes)
                return new FetchDataReply { Status = status, Content = bytes };
        }
        throw new StorageException(StorageFailure.Corrupt, $"The content of {request.Fid} is missing. Run vice salvage.");
    }

    /// <summary>Aborts: VersionGone where another version is current.</summary>
    public async ValueTask<Outcome<IBulkSource>> DownloadAsync(ClientSession session, DownloadRequest request) =>
        await work.RunAsync(() => Download(session, request));

    private Outcome<IBulkSource> Download(ClientSession session, DownloadRequest request)
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
        ContentRecord? content = view.FindContent(request.Fid.Volume, request.Fid.Vnode);
        if (content is null || content.Inline is not null)
            return new InlineSource((content?.Inline ?? []).AsMemory((int)request.OffsetBytes, (int)length));
        try
        {
            IDiskFile file = OpenWhole(content, status);
            return request.Extents.Count > 0 ? new ExtentSource(file, request.Extents, work) : new ObjectSource(file, request.OffsetBytes, length, work);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return AbortCodes.VersionGone;
        }
    }

    /// <summary>Once its first bytes are sent, a download can only break off; so what is too short is refused before.</summary>
    /// <exception cref="StorageException">Its file lost a part.</exception>
    private IDiskFile OpenWhole(ContentRecord content, FetchStatus status)
    {
        IDiskFile file = store.Open(content);
        if (file.LengthBytes >= status.LengthBytes)
            return file;
        long found = file.LengthBytes;
        file.Dispose();
        throw new StorageException(StorageFailure.Corrupt, $"The content of {status.Fid} has {found} of its {status.LengthBytes} bytes. Run vice scrub.");
    }

    /// <summary>What a client with that version needs; else where the data is, if much of the content is holes. Null: all of it.</summary>
    private ContentParts? FindParts(ContentRecord? content, FetchStatus status, DataVersion have)
    {
        if (content is not { Inline: null })
            return null;
        IReadOnlyList<Extent>? extents = have == DataVersion.None ? null : log.Between(status.Fid, have, status.DataVersion, status.LengthBytes);
        if (extents is null)
        {
            have = DataVersion.None;
            extents = IsSparse(status) ? FindData(content, status) : null;
        }
        var parts = extents is null ? null : new ContentParts { LengthBytes = status.LengthBytes, Base = have, Extents = extents };
        return parts is not null && parts.TransferBytes < status.LengthBytes / 4 * 3 ? parts : null;
    }

    /// <summary>Null: its file is gone.</summary>
    private IReadOnlyList<Extent>? FindData(ContentRecord content, FetchStatus status)
    {
        try
        {
            using IDiskFile file = store.Open(content);
            return Extents.Cover(DataRuns.Of(file), status.LengthBytes);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return null;
        }
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

    /// <summary>Null: its file is gone, because it was replaced after the view's moment.</summary>
    private byte[]? ReadSmall(ContentRecord? content, FetchStatus status)
    {
        if (status.LengthBytes == 0)
            return [];
        if (content is null || content.Inline is not null)
            return content?.Inline;
        try
        {
            using IDiskFile file = store.Open(content);
            byte[] bytes = new byte[status.LengthBytes];
            return file.Read(0, bytes) == bytes.Length ? bytes : null;
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NotFound)
        {
            return null;
        }
    }
}

/// <summary>Downloads and uploads of contents.</summary>
internal sealed class BulkHandler(IMetadataStore metadata, Reads reads, DataReads data, Uploads uploads) : IBulkHandler
{
    public ValueTask<Outcome<IBulkSource>> OpenSourceAsync(BulkRequest request)
    {
        DownloadRequest download = WireCodec.FromBytes<DownloadRequest>(request.Request);
        return reads.WaitAsync(request.Context, RequestChecks.Check(download), session => data.DownloadAsync(session, download));
    }

    public ValueTask<Outcome<IBulkSink>> OpenSinkAsync(BulkRequest request, long lengthBytes)
    {
        UploadRequest upload = WireCodec.FromBytes<UploadRequest>(request.Request);
        return reads.WaitAsync(request.Context, RequestChecks.Check(upload), async _ => await uploads.Work.RunAsync(() => Open(request.Context.Id, upload, lengthBytes)));
    }

    private Outcome<IBulkSink> Open(CallId caller, UploadRequest upload, long lengthBytes)
    {
        using IMetadataView view = metadata.OpenView();
        return view.FindVolume(upload.Volume) is null ? AbortCodes.NoVolume : uploads.Open(view, caller, upload, lengthBytes);
    }
}
