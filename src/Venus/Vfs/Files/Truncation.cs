using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>Sets a file's length: of ftruncate through the open file, of truncate through an open file of its own.</summary>
internal sealed class Truncation(VfsMount mount, FileOpener opener)
{
    public async ValueTask<Errno> TruncateAsync(Node node, SetAttributesRequest set, CancellationToken cancellation)
    {
        if (node is not FileNode file)
            return Errno.EINVAL;
        if (set.SizeBytes > Limits.FileBytes)
            return Errno.EFBIG;
        long lengthBytes = (long)set.SizeBytes;

        if (set.Mask.HasFlag(SetAttributesMask.Handle) && mount.Files.Find(set.Handle) is { IsWritable: true } open && open.Node == file)
            return ContainerFile.SetLength(open.Container.Handle, lengthBytes);

        // Whoever has it open for writing stores at its close.
        bool storesNow = !file.IsOpenForWriting;
        Result<IContainer> opened = await mount.Cache.Contents.OpenAsync(file.Fid, forWriting: true, truncate: lengthBytes == 0, cancellation);
        if (!opened.IsSuccess)
            return opened.Failure.ToErrno();
        FuseResult<OpenReply> attached = opener.Attach(file, opened.Value, isWritable: true, request: default);
        if (!attached.IsSuccess)
            return attached.Error;

        Errno error = ContainerFile.SetLength(opened.Value.Handle, lengthBytes);
        if (error == Errno.None && storesNow)
            error = (await opened.Value.StoreAsync(killSetId: false, cancellation)).ToErrno();
        opener.Release(attached.Value.Handle);
        return error;
    }
}
