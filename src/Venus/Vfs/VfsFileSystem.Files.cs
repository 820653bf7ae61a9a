using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>Operations on open files.</summary>
public sealed partial class VfsFileSystem
{
    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid) =>
        TryFind(node, out FileNode file) ? _opener.Open(file, openFlags, killSuidGid, Opening(request), request.Interrupted) : Refuse<OpenReply>(Errno.ESTALE);

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination) =>
        _content.Read(handle, offset, destination, request.Interrupted);

    public override ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, bool killSuidGid) =>
        _content.Write(handle, offset, data, killSuidGid, request.Interrupted);

    public override ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner) =>
        _content.Flush(handle, request.Interrupted);

    public override ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) =>
        _content.Sync(handle, request.Interrupted);

    public override ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner)
    {
        _opener.Release(handle);
        return new(Errno.None);
    }

    /// <summary>Zeroing and punching holes may take a while on a slow disk, and copying always: not on a reader thread.</summary>
    public override ValueTask<Errno> Fallocate(in FuseRequest request, NodeId node, FileHandle handle, long offset, long lengthBytes, uint mode) =>
        new(Task.Run(() => _content.Allocate(handle, offset, lengthBytes, mode)));

    public override ValueTask<FuseResult<long>> CopyFileRange(in FuseRequest request, NodeId node, FileHandle handle, long offset, NodeId toNode, FileHandle toHandle, long toOffset, long lengthBytes, ulong flags) =>
        Copy(request.Interrupted, handle, offset, toHandle, toOffset, lengthBytes);

    public override ValueTask<FuseResult<long>> Seek(in FuseRequest request, NodeId node, FileHandle handle, long offset, uint whence) =>
        _content.SeekAsync(handle, offset, whence, request.Interrupted);

    private ValueTask<FuseResult<long>> Copy(CancellationToken interrupted, FileHandle from, long fromOffset, FileHandle to, long toOffset, long lengthBytes) =>
        new(Task.Run(() => _content.CopyAsync(from, fromOffset, to, toOffset, lengthBytes, interrupted), CancellationToken.None));
}
