using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Vice.Volumes.Status;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>Makes a new content a file's. Last closer wins, and who lost is told apart and kept.</summary>
internal sealed class StoreData(UploadTable uploads)
{
    public Outcome<StoreDataReply> Run(MutationScope scope, StoreDataRequest request)
    {
        if (scope.Find(request.Fid) is not { } status)
            return scope.Missing(request.Fid);
        if (status.Type == FileType.Directory)
            return AbortCodes.IsADirectory;
        if (status.Type != FileType.Regular)
            return AbortCodes.BadArgument;
        StagedUpload? upload = null;
        if (request.Content is null && request.LengthBytes > 0)
        {
            AbortCode refusal = Take(scope, request, status, out upload);
            if (refusal != AbortCode.None)
                return refusal;
        }

        bool isUnseen = request.Base != status.DataVersion;
        ContentRecord? replaced = scope.View.FindContent(request.Fid.Volume, request.Fid.Vnode);
        if (isUnseen)
            NoteUnseen(scope, request, status, replaced);
        else if (replaced is not null)
            scope.Changes.Retired.AddRange(replaced.Objects.Where(id => upload is null || id != upload.Base));
        scope.Change(Changed(status, request), isDataChanged: true);
        scope.Apply();
        Write(scope, request, upload);
        if (isUnseen && replaced is not null)
            scope.Transaction.PutKeptVersion(new KeptVersion(request.Fid, status.LengthBytes, status.ContentCrc32C, replaced, scope.Now));
        return new StoreDataReply { Status = scope.Promise(request.Fid), ReplacedUnseen = isUnseen };
    }

    /// <summary>Aborts: NoUpload, BadArgument, ChecksumMismatch, and VersionGone where the upload builds on a version that isn't the current one.</summary>
    private AbortCode Take(MutationScope scope, StoreDataRequest request, FetchStatus current, out StagedUpload? upload)
    {
        upload = uploads.Take(scope.Client, request.Upload);
        if (upload is null)
            return AbortCodes.NoUpload;
        scope.Changes.TakenUpload = upload;
        if (upload.Volume != request.Fid.Volume)
            return AbortCodes.BadArgument;
        if (upload.LengthBytes != request.LengthBytes || upload.Crc32C != request.Crc32C)
            return AbortCodes.ChecksumMismatch;
        // What a patch needs is kept only as long as its base is current; so such a store never replaces a version that its writer had not seen.
        if (upload.Parts is { } parts && parts.Base != DataVersion.None)
        {
            if (upload.Fid != request.Fid || parts.Base != request.Base)
                return AbortCodes.BadArgument;
            if (parts.Base != current.DataVersion)
                return AbortCodes.VersionGone;
        }
        return AbortCode.None;
    }

    private static void NoteUnseen(MutationScope scope, StoreDataRequest request, FetchStatus status, ContentRecord? replaced) =>
        scope.Changes.Unseen = new UnseenReplacement(
            request.Fid, request.Base, status.DataVersion, scope.Client, replaced?.Writer ?? default);

    private static FetchStatus Changed(FetchStatus status, StoreDataRequest request) => status with
    {
        LengthBytes = request.LengthBytes,
        AllocatedBytes = request.AllocatedBytes,
        ContentCrc32C = request.Crc32C,
        ModifyTime = request.ModifyTime,
        ChangeTime = request.ChangeTime,
        Mode = request.KillSetId ? ModeBits.KillSetId(status.Mode) : status.Mode,
    };

    private static void Write(MutationScope scope, StoreDataRequest request, StagedUpload? upload)
    {
        (VolumeId volume, VnodeNumber vnode) = (request.Fid.Volume, request.Fid.Vnode);
        if (request.LengthBytes == 0)
        {
            scope.Transaction.DeleteContent(volume, vnode);
            return;
        }
        DataVersion version = scope.Find(request.Fid)!.DataVersion;
        scope.Transaction.PutContent(
            volume, vnode, new ContentRecord(version, upload?.Object ?? ObjectId.None, request.Content, scope.Client, upload?.Base ?? ObjectId.None));
        if (upload?.Parts is { } parts && parts.Base != DataVersion.None)
            scope.Changes.ContentChange = (request.Fid, new ContentChange(parts.Base, version, parts.Extents));
    }
}
