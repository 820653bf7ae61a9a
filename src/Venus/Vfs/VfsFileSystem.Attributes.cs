using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>Operations on attributes, symlink targets and extended attributes.</summary>
public sealed partial class VfsFileSystem
{
    public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle)
    {
        if (!TryFind(node, out Node found))
            return Refuse<AttributesReply>(Errno.ESTALE);
        if (_mount.Attributes.TryRead(found, out AttributesReply reply))
            return new(reply);
        // With a handle the kernel asks for the length, to read or append there: what is open is read whatever became of the file since.
        return handle is { } open && _mount.Files.Find(open) is { Status: { } opened } file && file.Node == found
            ? new(_mount.Attributes.Compose(found, opened, isPromised: false))
            : _mount.Attributes.ReadAsync(found, request.Interrupted);
    }

    public override ValueTask<FuseResult<AttributesReply>> SetAttributes(in FuseRequest request, NodeId node, in SetAttributesRequest set) =>
        TryFind(node, out Node found) ? _attributes.SetAsync(found, set, request.Interrupted) : Refuse<AttributesReply>(Errno.ESTALE);

    /// <summary>A symlink's target never changes.</summary>
    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLink(in FuseRequest request, NodeId node)
    {
        if (!TryFind(node, out Node found) || found.Type != FileType.Symlink)
            return Refuse<ReadOnlyMemory<byte>>(found is null ? Errno.ESTALE : Errno.EINVAL);
        return _mount.Cache.Statuses.TryGet(found.Fid, out FetchStatus status)
            ? new(new ReadOnlyMemory<byte>(status.SymlinkTarget))
            : FetchAsync(_mount.Cache.Statuses, found.Fid, request.Interrupted);

        static async ValueTask<FuseResult<ReadOnlyMemory<byte>>> FetchAsync(IStatusCache statuses, Fid fid, CancellationToken cancellation)
        {
            Result<FetchStatus> fetched = await statuses.GetAsync(fid, cancellation);
            return fetched.IsSuccess ? new ReadOnlyMemory<byte>(fetched.Value.SymlinkTarget) : fetched.Failure.ToErrno();
        }
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) =>
        TryFind(node, out Node found) ? _xattrs.Get(found, name, request.Interrupted) : Refuse<ReadOnlyMemory<byte>>(Errno.ESTALE);

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListXattr(in FuseRequest request, NodeId node) =>
        TryFind(node, out Node found) ? _xattrs.ListAsync(found, request.Interrupted) : Refuse<ReadOnlyMemory<byte>>(Errno.ESTALE);

    public override ValueTask<Errno> SetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid) =>
        TryFind(node, out Node found) ? _xattrs.Set(found, name, value, flags, request.Interrupted) : new(Errno.ESTALE);

    public override ValueTask<Errno> RemoveXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) =>
        TryFind(node, out Node found) ? _xattrs.Remove(found, name, request.Interrupted) : new(Errno.ESTALE);
}
