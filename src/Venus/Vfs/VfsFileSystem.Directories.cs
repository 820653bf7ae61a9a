using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>Operations on open directories.</summary>
public sealed partial class VfsFileSystem
{
    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags)
    {
        if (!TryFind(node, out DirectoryNode directory))
            return Refuse<OpenReply>(Errno.ESTALE);
        if (_mount.Unanswered.TryTake(request.Id, out FileHandle unknown))
            _mount.Directories.Remove(unknown);
        return _directories.TryOpen(directory, request.Id, out OpenReply reply) ? new(reply) : _directories.OpenAsync(directory, request.Id, request.Interrupted);
    }

    public override ValueTask<Errno> PrepareDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, bool isPlus) =>
        _directories.Prepare(handle, offset, isPlus, request.Interrupted);

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler) =>
        _directories.Read(handle, offset, ref filler);

    public override ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle)
    {
        _mount.Directories.Remove(handle);
        return new(Errno.None);
    }

    /// <summary>Operations on names are on stable storage when they return.</summary>
    public override ValueTask<Errno> FsyncDirectory(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.None);
}
