using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>Operations on open files.</summary>
public sealed partial class VfsFileSystem
{
    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid) =>
        TryFind(node, out FileNode file) ? _opener.Open(file, openFlags, killSuidGid, Opening(request), request.Interrupted) : Refuse<OpenReply>(Errno.ESTALE);

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination) =>
        new(_content.Read(handle, offset, destination.Span));

    public override ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, bool killSuidGid) =>
        _content.Write(handle, offset, data, killSuidGid, request.Interrupted);

    public override ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner) =>
        _content.Store(handle, request.Interrupted);

    public override ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) =>
        _content.Store(handle, request.Interrupted);

    public override ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner)
    {
        _opener.Release(handle);
        return new(Errno.None);
    }

    /// <summary>Zeroing and punching holes may take a while on a slow disk, and copying always: not on a reader thread.</summary>
    public override ValueTask<Errno> Fallocate(in FuseRequest request, NodeId node, FileHandle handle, long offset, long lengthBytes, uint mode) =>
        new(Task.Run(() => _content.Allocate(handle, offset, lengthBytes, mode)));

    public override ValueTask<FuseResult<long>> CopyFileRange(in FuseRequest request, NodeId node, FileHandle handle, long offset, NodeId toNode, FileHandle toHandle, long toOffset, long lengthBytes, ulong flags) =>
        new(Task.Run(() => _content.Copy(handle, offset, toHandle, toOffset, lengthBytes)));

    public override ValueTask<FuseResult<long>> Seek(in FuseRequest request, NodeId node, FileHandle handle, long offset, uint whence) =>
        new(_content.Seek(handle, offset, whence));
}
