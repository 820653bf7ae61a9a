namespace Afs.Fuse.TestHost;

/// <summary>Makes every operation of another filesystem wait before it begins, so that each is answered from a task.</summary>
internal sealed class DeferredFileSystem(FuseFileSystem inner) : FuseFileSystem
{
    public override void Started(FuseConnectionInfo connection, IFuseNotifier notifier) => inner.Started(connection, notifier);

    public override void Stopped() => inner.Stopped();

    public override void Forget(NodeId node, ulong lookups) => inner.Forget(node, lookups);

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return Later(() => inner.Lookup(r, parent, n));
    }

    public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle)
    {
        FuseRequest r = request;
        return Later(() => inner.GetAttributes(r, node, handle));
    }

    public override ValueTask<FuseResult<AttributesReply>> SetAttributes(in FuseRequest request, NodeId node, in SetAttributesRequest set)
    {
        (FuseRequest r, SetAttributesRequest s) = (request, set);
        return Later(() => inner.SetAttributes(r, node, s));
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLink(in FuseRequest request, NodeId node)
    {
        FuseRequest r = request;
        return Later(() => inner.ReadLink(r, node));
    }

    public override ValueTask<FuseResult<EntryReply>> SymLink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        (FuseRequest r, byte[] n, byte[] t) = (request, name.ToArray(), target.ToArray());
        return Later(() => inner.SymLink(r, parent, n, t));
    }

    public override ValueTask<FuseResult<EntryReply>> MakeNode(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint deviceNumber, uint umask)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return Later(() => inner.MakeNode(r, parent, n, mode, deviceNumber, umask));
    }

    public override ValueTask<FuseResult<EntryReply>> MakeDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return Later(() => inner.MakeDirectory(r, parent, n, mode, umask));
    }

    public override ValueTask<Errno> Unlink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return Later(() => inner.Unlink(r, parent, n));
    }

    public override ValueTask<Errno> RemoveDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return Later(() => inner.RemoveDirectory(r, parent, n));
    }

    public override ValueTask<Errno> Rename(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, NodeId newParent, ReadOnlySpan<byte> newName, uint flags)
    {
        (FuseRequest r, byte[] n, byte[] nn) = (request, name.ToArray(), newName.ToArray());
        return Later(() => inner.Rename(r, parent, n, newParent, nn, flags));
    }

    public override ValueTask<FuseResult<EntryReply>> Link(in FuseRequest request, NodeId node, NodeId newParent, ReadOnlySpan<byte> newName)
    {
        (FuseRequest r, byte[] n) = (request, newName.ToArray());
        return Later(() => inner.Link(r, node, newParent, n));
    }

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid)
    {
        FuseRequest r = request;
        return Later(() => inner.Open(r, node, openFlags, killSuidGid));
    }

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return Later(() => inner.Create(r, parent, n, mode, umask, openFlags));
    }

    public override ValueTask<FuseResult<CreateReply>> TemporaryFile(in FuseRequest request, NodeId parent, uint mode, uint umask, int openFlags)
    {
        FuseRequest r = request;
        return Later(() => inner.TemporaryFile(r, parent, mode, umask, openFlags));
    }

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination)
    {
        FuseRequest r = request;
        return Later(() => inner.Read(r, node, handle, offset, destination));
    }

    public override ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, WriteTraits traits)
    {
        FuseRequest r = request;
        return Later(() => inner.Write(r, node, handle, offset, data, traits));
    }

    public override ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner)
    {
        FuseRequest r = request;
        return Later(() => inner.Flush(r, node, handle, lockOwner));
    }

    public override ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly)
    {
        FuseRequest r = request;
        return Later(() => inner.Fsync(r, node, handle, dataOnly));
    }

    public override ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner)
    {
        FuseRequest r = request;
        return Later(() => inner.Release(r, node, handle, openFlags, flockUnlock, lockOwner));
    }

    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags)
    {
        FuseRequest r = request;
        return Later(() => inner.OpenDirectory(r, node, openFlags));
    }

    public override ValueTask<Errno> PrepareDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, bool isPlus)
    {
        FuseRequest r = request;
        return Later(() => inner.PrepareDirectory(r, node, handle, offset, isPlus));
    }

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler) =>
        inner.ReadDirectory(request, node, handle, offset, ref filler);

    public override ValueTask<Errno> FsyncDirectory(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly)
    {
        FuseRequest r = request;
        return Later(() => inner.FsyncDirectory(r, node, handle, dataOnly));
    }

    public override ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle)
    {
        FuseRequest r = request;
        return Later(() => inner.ReleaseDirectory(r, node, handle));
    }

    public override ValueTask<FuseResult<StatFsReply>> StatFs(in FuseRequest request, NodeId node)
    {
        FuseRequest r = request;
        return Later(() => inner.StatFs(r, node));
    }

    public override ValueTask<Errno> SetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid)
    {
        (FuseRequest r, byte[] n, byte[] v) = (request, name.ToArray(), value.ToArray());
        return Later(() => inner.SetXattr(r, node, n, v, flags, killSgid));
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return Later(() => inner.GetXattr(r, node, n));
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListXattr(in FuseRequest request, NodeId node)
    {
        FuseRequest r = request;
        return Later(() => inner.ListXattr(r, node));
    }

    public override ValueTask<Errno> RemoveXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name)
    {
        (FuseRequest r, byte[] n) = (request, name.ToArray());
        return Later(() => inner.RemoveXattr(r, node, n));
    }

    public override ValueTask<Errno> Fallocate(in FuseRequest request, NodeId node, FileHandle handle, long offset, long lengthBytes, uint mode)
    {
        FuseRequest r = request;
        return Later(() => inner.Fallocate(r, node, handle, offset, lengthBytes, mode));
    }

    public override ValueTask<FuseResult<long>> Seek(in FuseRequest request, NodeId node, FileHandle handle, long offset, uint whence)
    {
        FuseRequest r = request;
        return Later(() => inner.Seek(r, node, handle, offset, whence));
    }

    public override ValueTask<FuseResult<long>> CopyFileRange(in FuseRequest request, NodeId node, FileHandle handle, long offset, NodeId toNode, FileHandle toHandle, long toOffset, long lengthBytes, ulong flags)
    {
        FuseRequest r = request;
        return Later(() => inner.CopyFileRange(r, node, handle, offset, toNode, toHandle, toOffset, lengthBytes, flags));
    }

    public override ValueTask<FuseResult<FileLock>> GetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted)
    {
        FuseRequest r = request;
        return Later(() => inner.GetLock(r, node, handle, wanted));
    }

    public override ValueTask<Errno> SetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted, bool wait)
    {
        FuseRequest r = request;
        return Later(() => inner.SetLock(r, node, handle, wanted, wait));
    }

    private static async ValueTask<T> Later<T>(Func<ValueTask<T>> operation)
    {
        await Task.Yield();
        return await operation().ConfigureAwait(false);
    }
}
