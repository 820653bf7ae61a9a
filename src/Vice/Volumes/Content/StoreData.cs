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
        Outcome<ObjectId> taken = request.Content is null && request.LengthBytes > 0 ? Take(scope, request) : ObjectId.None;
        if (!taken.IsReply)
            return taken.Abort;

        bool isUnseen = request.Base != status.DataVersion;
        ContentRecord? replaced = scope.View.FindContent(request.Fid.Volume, request.Fid.Vnode);
        if (isUnseen)
            NoteUnseen(scope, request, status, replaced);
        else if (replaced is not null && replaced.Object != ObjectId.None)
            scope.Changes.Retired.Add(replaced.Object);
        scope.Change(Changed(status, request), isDataChanged: true);
        scope.Apply();
        Write(scope, request, taken.Value);
        if (isUnseen && replaced is not null)
            scope.Transaction.PutKeptVersion(new KeptVersion(request.Fid, status.LengthBytes, status.ContentCrc32C, replaced, scope.Now));
        return new StoreDataReply { Status = scope.Promise(request.Fid), ReplacedUnseen = isUnseen };
    }

    private Outcome<ObjectId> Take(MutationScope scope, StoreDataRequest request)
    {
        if (uploads.Take(scope.Client, request.Upload) is not { } upload)
            return AbortCodes.NoUpload;
        scope.Changes.TakenUpload = upload;
        if (upload.Volume != request.Fid.Volume)
            return AbortCodes.BadArgument;
        if (upload.LengthBytes != request.LengthBytes || upload.Crc32C != request.Crc32C)
            return AbortCodes.ChecksumMismatch;
        return upload.Object;
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

    private static void Write(MutationScope scope, StoreDataRequest request, ObjectId stored)
    {
        (VolumeId volume, VnodeNumber vnode) = (request.Fid.Volume, request.Fid.Vnode);
        if (request.LengthBytes == 0)
        {
            scope.Transaction.DeleteContent(volume, vnode);
            return;
        }
        DataVersion version = scope.Find(request.Fid)!.DataVersion;
        scope.Transaction.PutContent(volume, vnode, new ContentRecord(version, stored, request.Content, scope.Client));
    }
}
