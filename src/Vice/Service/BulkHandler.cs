using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>Downloads and uploads of contents.</summary>
internal sealed class BulkHandler(IMetadataStore metadata, Reads reads, DataReads data, Uploads uploads) : IBulkHandler
{
    public ValueTask<Outcome<IBulkSource>> OpenSourceAsync(BulkRequest request)
    {
        DownloadRequest download = WireCodec.FromBytes<DownloadRequest>(request.Request.Span);
        return reads.RunAsync(request.Context, RequestChecks.Check(download), _ => data.Download(download));
    }

    public ValueTask<Outcome<IBulkSink>> OpenSinkAsync(BulkRequest request, long lengthBytes)
    {
        UploadRequest upload = WireCodec.FromBytes<UploadRequest>(request.Request.Span);
        return reads.RunAsync(request.Context, RequestChecks.Check(upload), session => Open(session, upload, lengthBytes));
    }

    private Outcome<IBulkSink> Open(ClientSession session, UploadRequest upload, long lengthBytes)
    {
        using IMetadataView view = metadata.OpenView();
        return view.FindVolume(upload.Volume) is null ? AbortCodes.NoVolume : uploads.Open(view, session.Client, upload, lengthBytes);
    }
}
