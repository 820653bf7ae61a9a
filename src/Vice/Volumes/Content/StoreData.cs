using Afs.Rpc;
using Afs.Rules;
using Afs.Vice.Volumes.Metadata;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>Makes a new content a file's. Last closer wins, and who lost is told apart and kept.</summary>
internal sealed class StoreData(UploadTable uploads)
{
    /// <param name="patch">Parts that came in the request, as they go into the metadata. Null: there are none, or they became the upload that it names.</param>
    public Outcome<StoreDataReply> Run(ServerScope scope, StoreDataRequest request, RowPatch? patch)
    {
        if (scope.Find(request.Fid) is not { } status)
            return scope.Missing(request.Fid);
        if (status.Type == FileType.Directory)
            return AbortCodes.IsADirectory;
        if (status.Type != FileType.Regular)
            return AbortCodes.BadArgument;
        Outcome<NewContent> found = Find(scope, request, patch, status.DataVersion);
        if (!found.IsReply)
            return found.Abort;
        NewContent content = found.Value;

        bool isUnseen = request.Base != status.DataVersion;
        ContentRecord? replaced = scope.View.FindContent(request.Fid.Volume, request.Fid.Vnode);
        if (isUnseen)
            NoteUnseen(scope, request, status, replaced);
        else if (replaced is not null)
            scope.Changes.Retired.AddRange(replaced.Objects.Where(id => id != content.Base));
        scope.Change(StoredStatus.Of(status, request), isDataChanged: true);
        scope.Apply();
        Write(scope, request, content);
        if (isUnseen && replaced is not null)
            scope.Transaction.PutKeptVersion(new KeptVersion(request.Fid, status.LengthBytes, status.ContentCrc32C, replaced, scope.Now));
        return new StoreDataReply { Status = scope.Promise(request.Fid), ReplacedUnseen = isUnseen };
    }

    /// <summary>Aborts: NoUpload, BadArgument, ChecksumMismatch, and VersionGone where it builds on a version that isn't the current one.</summary>
    private Outcome<NewContent> Find(ServerScope scope, StoreDataRequest request, RowPatch? patch, DataVersion current)
    {
        if (patch is not null)
        {
            if (patch.Crc32C != request.Crc32C)
                return AbortCodes.ChecksumMismatch;
            return patch.Parts.Base == current ? new NewContent(ObjectId.None, patch.Bytes, patch.Base, patch.Parts) : AbortCodes.VersionGone;
        }
        bool isUpload = request.LengthBytes > 0 && (request.Content is null || request.Parts is not null);
        return isUpload ? Take(scope, request, current) : new NewContent(ObjectId.None, request.Content, ObjectId.None, null);
    }

    private Outcome<NewContent> Take(ServerScope scope, StoreDataRequest request, DataVersion current)
    {
        StagedUpload? upload = uploads.Take(scope.Client, request.Upload);
        if (upload is null)
            return AbortCodes.NoUpload;
        scope.Changes.TakenUploads.Add(upload);
        if (upload.Volume != request.Fid.Volume)
            return AbortCodes.BadArgument;
        if (upload.LengthBytes != request.LengthBytes || upload.Crc32C != request.Crc32C)
            return AbortCodes.ChecksumMismatch;
        // What a patch needs is kept only as long as its base is current; so such a store never replaces a version that its writer had not seen.
        if (upload.Parts is { } parts && parts.Base != DataVersion.None)
        {
            if (upload.Fid != request.Fid || parts.Base != request.Base)
                return AbortCodes.BadArgument;
            if (parts.Base != current)
                return AbortCodes.VersionGone;
        }
        return new NewContent(upload.Object, null, upload.Base, upload.Parts);
    }

    private static void NoteUnseen(ServerScope scope, StoreDataRequest request, FetchStatus status, ContentRecord? replaced) =>
        scope.Changes.Unseen.Add(new UnseenReplacement(
            request.Fid, request.Base, status.DataVersion, scope.Client, replaced?.Writer ?? default));

    private static void Write(ServerScope scope, StoreDataRequest request, NewContent content)
    {
        (VolumeId volume, VnodeNumber vnode) = (request.Fid.Volume, request.Fid.Vnode);
        if (request.LengthBytes == 0)
        {
            scope.Transaction.DeleteContent(volume, vnode);
            return;
        }
        DataVersion version = scope.Find(request.Fid)!.DataVersion;
        scope.Transaction.PutContent(volume, vnode, new ContentRecord(version, content.Object, content.Data, scope.Client, content.Base));
        if (content.Parts is { } parts && parts.Base != DataVersion.None)
            scope.Changes.ContentChanges.Add((request.Fid, new ContentChange(parts.Base, version, parts.Extents)));
    }

    /// <summary>As a row has it (<see cref="ContentRecord"/>), and the parts that it was made of.</summary>
    private readonly record struct NewContent(ObjectId Object, byte[]? Data, ObjectId Base, ContentParts? Parts);
}
