using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>Contents: small ones inside the reply, all of them as downloads.</summary>
internal sealed class DataReads(IMetadataStore metadata, Promises promises, ContentStore store, ContentLog log)
{
    /// <summary>A content may be replaced and deleted between the look at the metadata and the opening of its file; each time there is a newer one.</summary>
    private const int MostAttempts = 16;

    public Outcome<FetchDataReply> Fetch(ClientSession session, FetchDataRequest request)
    {
        promises.Grant(session, request.Fid);
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            using IMetadataView view = metadata.OpenView();
            if (StatusReads.Find(view, request.Fid) is not { } status)
                return StatusReads.Missing(view, session, promises, request.Fid);
            if (NotAFile(status) is { } refusal)
                return refusal;
            if (request.Have == status.DataVersion)
                return new FetchDataReply { Status = status, IsUnchanged = true };
            if (status.LengthBytes > Limits.InlineContentBytes)
                return new FetchDataReply { Status = status, Parts = FindParts(view, status, request.Have) };
            if (ReadSmall(view, status) is { } content)
                return new FetchDataReply { Status = status, Content = content };
        }
        throw new StorageException(StorageFailure.Corrupt, $"The content of {request.Fid} is missing. Run vice salvage.");
    }

    /// <summary>Aborts: VersionGone where another version is current.</summary>
    public Outcome<IBulkSource> Download(DownloadRequest request)
    {
        using IMetadataView view = metadata.OpenView();
        if (StatusReads.Find(view, request.Fid) is not { } status)
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
            return request.Extents.Count > 0 ? new ExtentSource(file, request.Extents) : new ObjectSource(file, request.OffsetBytes, length);
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
    private ContentParts? FindParts(IMetadataView view, FetchStatus status, DataVersion have)
    {
        if (view.FindContent(status.Fid.Volume, status.Fid.Vnode) is not { Inline: null } content)
            return null;
        IReadOnlyList<Extent>? extents = have == DataVersion.None ? null : log.Between(status.Fid, have, status.DataVersion, status.LengthBytes);
        if (extents is null)
        {
            have = DataVersion.None;
            extents = status.AllocatedBytes < status.LengthBytes / 2 ? FindData(content, status) : null;
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

    private static AbortCode? NotAFile(FetchStatus status) => status.Type switch
    {
        FileType.Regular => null,
        FileType.Directory => AbortCodes.IsADirectory,
        _ => AbortCodes.BadArgument,
    };

    /// <summary>Null: its file is gone, because it was replaced after the view's moment.</summary>
    private byte[]? ReadSmall(IMetadataView view, FetchStatus status)
    {
        if (status.LengthBytes == 0)
            return [];
        if (view.FindContent(status.Fid.Volume, status.Fid.Vnode) is not { } content)
            return null;
        if (content.Inline is not null)
            return content.Inline;
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
