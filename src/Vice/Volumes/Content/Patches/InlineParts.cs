using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Makes of parts that came inside a StoreData what its transaction needs, before it: all that reads or writes contents is done then. A repeated call
/// does so again for nothing, and what it left is an upload that nobody comes for.
/// </summary>
internal sealed class InlineParts(IMetadataStore metadata, ContentStore store, Uploads uploads, IBlockingWork work)
{
    /// <summary>A patch for the metadata; null: it became the upload that the request names. Aborts: those of an upload.</summary>
    /// <param name="request">With parts.</param>
    public async ValueTask<Outcome<RowPatch?>> PrepareAsync(ClientId client, StoreDataRequest request)
    {
        ContentParts parts = request.Parts!;
        var upload = new UploadRequest { Upload = request.Upload, Volume = request.Fid.Volume, Fid = request.Fid, Parts = parts };
        try
        {
            using PartsBase? @base = parts.Base == DataVersion.None ? null : OpenBase(request.Fid, parts);
            if (@base is null && parts.Base != DataVersion.None)
                return AbortCodes.VersionGone;
            if (@base is null || PagePatch.TryMake(parts, request.Content, @base) is not { } patch)
                return await UploadAsync(client, upload, request.Content);
            if (patch.LengthBytes <= PatchLimits.MostRowBytes)
                return new RowPatch(parts, patch.Base, patch.ToBytes(), patch.Crc32C);
            AbortCode refusal = await work.RunAsync(() => uploads.Keep(client, upload, parts, patch));
            return refusal == AbortCode.None ? (RowPatch?)null : refusal;
        }
        catch (DiskException e)
        {
            return uploads.Refuse(e);
        }
        catch (StorageException)
        {
            return AbortCodes.ServerDiskFailed;
        }
    }

    private PartsBase? OpenBase(Fid fid, ContentParts parts)
    {
        using IMetadataView view = metadata.OpenView();
        return PartsBase.TryOpen(view, store, fid, parts);
    }

    /// <summary>As if it came over a bulk connection.</summary>
    private async ValueTask<Outcome<RowPatch?>> UploadAsync(ClientId client, UploadRequest upload, ReadOnlyMemory<byte> content)
    {
        Outcome<IBulkSink> opened = Open(client, upload, content.Length);
        if (!opened.IsReply)
            return opened.As<RowPatch?>();
        await using IBulkSink sink = opened.Value;
        await sink.WriteAsync(0, content, CancellationToken.None);
        Outcome<ReadOnlyMemory<byte>> completed = await sink.CompleteAsync(CancellationToken.None);
        return completed.IsReply ? (RowPatch?)null : completed.As<RowPatch?>();
    }

    private Outcome<IBulkSink> Open(ClientId client, UploadRequest upload, long transferBytes)
    {
        using IMetadataView view = metadata.OpenView();
        return uploads.Open(view, client, upload, transferBytes);
    }
}
