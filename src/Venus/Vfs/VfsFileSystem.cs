using System.Collections.Frozen;
using Afs.Fuse;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Wire;
using CreateReply = Afs.Fuse.CreateReply;

namespace Afs.Venus.Vfs;

/// <summary>
/// The cache manager as a Linux filesystem. Each operation finds its nodes and calls the type that does the work; this file only says which. What can
/// be answered from memory completes at once, on the thread that read the request. The rest waits in tasks, which end when the
/// request is interrupted.
/// </summary>
public sealed partial class VfsFileSystem : FuseFileSystem, IDisposable
{
    private readonly VfsMount _mount;
    private readonly MountRecords? _records;
    private readonly LateInvalidations _late;
    private readonly Lookups _lookups;
    private readonly FileOpener _opener;
    private readonly FileContent _content;
    private readonly Creations _creations;
    private readonly Removals _removals;
    private readonly DirectoryReader _directories;
    private readonly AttributeWriter _attributes;
    private readonly ExtendedAttributes _xattrs;
    private readonly LockRequests _locks;

    /// <param name="records">Where a successor of this daemon finds what the kernel knows; null: the mount ends with this daemon.</param>
    public VfsFileSystem(ICacheManager cache, TimeProvider time, VfsOptions options, MountRecords? records = null)
    {
        _records = records;
        _mount = new VfsMount(cache, time, options, records);
        _lookups = new Lookups(_mount);
        _opener = new FileOpener(_mount);
        _content = new FileContent(_mount);
        _creations = new Creations(_mount, _lookups, _opener);
        _removals = new Removals(_mount);
        _directories = new DirectoryReader(_mount);
        _attributes = new AttributeWriter(_mount, new Truncation(_mount, _opener));
        _xattrs = new ExtendedAttributes(_mount);
        _locks = new LockRequests(_mount);
        _late = new LateInvalidations(_mount.Kernel, time);
        cache.AttachKernel(new KernelCaches(_mount.Nodes, _mount.Names, _mount.Expirer, _mount.Kernel, _late));
    }

    /// <summary>How many nodes the kernel knows.</summary>
    public int NodeCount => _mount.Nodes.Count;

    /// <summary>How many names the kernel may use without asking.</summary>
    public int NameCount => _mount.Names.Count;

    /// <summary>How often all names of the mount had to be taken back at once, since a directory's lock was held for too long.</summary>
    public long NamesForced => _mount.Expirer.Forced;

    /// <summary>How many directories still had names in the kernel when a break was acknowledged. Whoever walked through one had to wait.</summary>
    public long NamesHeld => _mount.Expirer.Held;

    /// <summary>Takes over what a predecessor recorded, before the session resumes. Returns how many open files go on, and how many can't.</summary>
    public (int Files, int Lost) TakeOver(IHeldFiles held)
    {
        var run = new TakeOverRun(_mount, _records ?? throw new InvalidOperationException("Nothing was recorded."), held);
        run.Run();
        return (run.Files, run.Lost);
    }

    public override void Started(FuseConnectionInfo connection, IFuseNotifier notifier) => _mount.Kernel.Start(connection, notifier);

    public override void Arrived() => _mount.Cache.BeginOperation();

    /// <summary>
    /// Lets go of what is still open: it was cut off, or its RELEASE came too late. A file with changes that are not stored was never closed, so what it holds is no version
    /// (S2). It stays open here, which leaves its container as it is, and the next daemon decides about it.
    /// </summary>
    public override void Stopped()
    {
        foreach (OpenFile file in _mount.Files.Drain())
        {
            bool isCutOff = file.IsWritable && file.Container.TryGetLocalStatus(out LocalStatus local) && local.ChangeTime is not null;
            if (!isCutOff)
                file.Container.Dispose();
        }

        _mount.Directories.Drain();
    }

    public override void Forget(NodeId node, ulong lookups) => _mount.Entries.Forget(node, lookups);

    public override ValueTask<FuseResult<StatFsReply>> StatFs(in FuseRequest request, NodeId node)
    {
        return ReadAsync(_mount.Cache.Operations, TryFind(node, out Node of) ? of.Fid : _mount.Cache.Root, request.Operation());

        static async ValueTask<FuseResult<StatFsReply>> ReadAsync(IFileOperations operations, Fid fid, OperationContext operation)
        {
            Result<GetVolumeStatusReply> status = await operations.GetVolumeStatusAsync(fid, operation);
            return status.IsSuccess ? StatFsFigures.ToReply(status.Value) : status.Failure.ToErrno();
        }
    }

    public void Dispose() => _late.Dispose();

    /// <summary>The id of the request that opens a file. If a predecessor made a handle for the same request, the kernel never learned that one, and it is released.</summary>
    private RequestId Opening(in FuseRequest request)
    {
        if (_mount.Unanswered.TryTake(request.Id, out FileHandle unknown))
            _opener.Release(unknown);
        return request.Id;
    }

    /// <summary>The node of a NodeId. False: the kernel has forgotten it, or it is of another kind.</summary>
    private bool TryFind<TNode>(NodeId id, out TNode node)
        where TNode : Node
    {
        var found = _mount.Nodes.Find(id) as TNode;
        node = found!;
        return found is not null;
    }

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
        !TryFind(parent, out DirectoryNode directory) ? Refuse<EntryReply>(Errno.ESTALE)
        : _mount.SentBack.IsAny && _mount.SentBack.MayOpen(request.Pid) ? LookupAgainAsync(directory, name.ToArray(), request.Pid, request.Operation())
        : _lookups.Lookup(directory, name, request.Operation());

    public override ValueTask<FuseResult<EntryReply>> SymLink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        const uint AllPermissions = 0x1FF;
        if (target.Length > Limits.SymlinkTargetBytes)
            return Refuse<EntryReply>(Errno.ENAMETOOLONG);
        byte[] copy = target.ToArray();
        return Make(request, parent, name, make => make with { Type = FileType.Symlink, Mode = AllPermissions, SymlinkTarget = copy });
    }

    public override ValueTask<FuseResult<EntryReply>> MakeNode(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint deviceNumber, uint umask)
    {
        FileType type = FileModes.ToType(mode);
        if (type is FileType.None or FileType.Directory or FileType.Symlink)
            return Refuse<EntryReply>(Errno.EINVAL);
        bool isDevice = type is FileType.BlockDevice or FileType.CharacterDevice;
        return Make(request, parent, name, make => make with { Type = type, Mode = mode & FileModes.PermissionMask, Umask = umask, DeviceNumber = isDevice ? deviceNumber : 0 });
    }

    public override ValueTask<FuseResult<EntryReply>> MakeDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask) =>
        Make(request, parent, name, make => make with { Type = FileType.Directory, Mode = mode & FileModes.PermissionMask, Umask = umask });

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags)
    {
        if (name.Length > Limits.NameBytes)
            return Refuse<CreateReply>(Errno.ENAMETOOLONG);
        return TryFind(parent, out DirectoryNode directory)
            ? _creations.CreateAsync(directory, NewObject(request, directory, name.ToArray()) with { Mode = mode & FileModes.PermissionMask, Umask = umask }, openFlags, Opening(request), request.Operation())
            : Refuse<CreateReply>(Errno.ESTALE);
    }

    public override ValueTask<FuseResult<CreateReply>> TemporaryFile(in FuseRequest request, NodeId parent, uint mode, uint umask, int openFlags) =>
        TryFind(parent, out DirectoryNode directory)
            ? _creations.CreateAsync(directory, NewObject(request, directory, name: null) with { Mode = mode & FileModes.PermissionMask, Umask = umask }, openFlags, Opening(request), request.Operation())
            : Refuse<CreateReply>(Errno.ESTALE);

    public override ValueTask<FuseResult<EntryReply>> Link(in FuseRequest request, NodeId node, NodeId newParent, ReadOnlySpan<byte> newName)
    {
        if (newName.Length > Limits.NameBytes)
            return Refuse<EntryReply>(Errno.ENAMETOOLONG);
        return TryFind(node, out Node file) && TryFind(newParent, out DirectoryNode directory)
            ? _creations.LinkAsync(file, directory, newName.ToArray(), request.Operation())
            : Refuse<EntryReply>(Errno.ESTALE);
    }

    public override ValueTask<Errno> Unlink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
        TryFind(parent, out DirectoryNode directory)
            ? _removals.RemoveAsync(directory, name.ToArray(), isDirectory: false, request.Operation())
            : new(Errno.ESTALE);

    public override ValueTask<Errno> RemoveDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) =>
        TryFind(parent, out DirectoryNode directory)
            ? _removals.RemoveAsync(directory, name.ToArray(), isDirectory: true, request.Operation())
            : new(Errno.ESTALE);

    public override ValueTask<Errno> Rename(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, NodeId newParent, ReadOnlySpan<byte> newName, uint flags) =>
        TryFind(parent, out DirectoryNode from) && TryFind(newParent, out DirectoryNode to)
            ? _removals.RenameAsync(from, name.ToArray(), to, newName.ToArray(), flags, request.Operation())
            : new(Errno.ESTALE);

    private ValueTask<FuseResult<EntryReply>> Make(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, Func<CreateRequest, CreateRequest> fill)
    {
        if (name.Length > Limits.NameBytes)
            return Refuse<EntryReply>(Errno.ENAMETOOLONG);
        return TryFind(parent, out DirectoryNode directory)
            ? _creations.MakeAsync(directory, fill(NewObject(request, directory, name.ToArray())), request.Operation())
            : Refuse<EntryReply>(Errno.ESTALE);
    }

    private async ValueTask<FuseResult<EntryReply>> LookupAgainAsync(DirectoryNode parent, byte[] name, uint caller, OperationContext operation)
    {
        if (name.Length > Limits.NameBytes)
            return await _lookups.Lookup(parent, name, operation);
        (FuseResult<EntryReply> entry, Cache.IContainer? content) = await _lookups.LookupAndFetchAsync(parent, name, operation);
        if (content is not null)
            _mount.SentBack.Keep(caller, entry.Value.Node, content);
        return entry;
    }

    private CreateRequest NewObject(in FuseRequest request, DirectoryNode parent, byte[]? name) => new()
    {
        Parent = parent.Fid,
        Name = name,
        Type = FileType.Regular,
        Mode = 0,
        Uid = request.Uid,
        Gid = request.Gid,
        Time = _mount.Cache.Operations.Now,
    };

    public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle)
    {
        if (!TryFind(node, out Node found))
            return Refuse<AttributesReply>(Errno.ESTALE);
        if (_mount.Held.Find(found) is not null)
            return WaitForNamesAsync((DirectoryNode)found, request.Pid, request.Operation());
        if (handle is null && found is FileNode { IsOpen: true } isOpen && MayBeReleased(isOpen))
            return ReadReleasedAsync(isOpen, request.Operation());
        if (_mount.Attributes.TryRead(found, out AttributesReply reply))
            return new(reply);
        // With a handle the kernel asks for the length, to read or append there. So a file that is open has its attributes, whatever became of its name.
        return handle is { } open && _mount.Files.Find(open) is { Status: { } opened } file && file.Node == found
            ? new(_mount.Attributes.Compose(found, opened, isPromised: false))
            : ReadAttributesAsync(found, request.Operation());
    }

    /// <summary>
    /// The file is open here at another version than the current one, or written and not yet closed. Or so it seems: the last close() may have returned, and its RELEASE be on its way. Who walked here by a name
    /// must see then what another client stored (S1).
    /// </summary>
    private bool MayBeReleased(FileNode file) =>
        file.IsOpenAtOther(_mount.Cache.Statuses.TryGet(file.Fid, out FetchStatus status) ? status.DataVersion : null) || _mount.Cache.Contents.MayBeClosed(file.Fid);

    private async ValueTask<FuseResult<AttributesReply>> ReadReleasedAsync(FileNode file, OperationContext operation)
    {
        await _mount.Kernel.EarlierReleasesAsync();
        return _mount.Attributes.TryRead(file, out AttributesReply reply) ? reply : await ReadAttributesAsync(file, operation);
    }

    /// <summary>
    /// A caller that walked here, and whose file is gone by now, is sent back once. The second time it gets what was last known, as on a local disk of a file that lost its name: open(2)
    /// asks for attributes between its lookup and its OPEN.
    /// </summary>
    private async ValueTask<FuseResult<AttributesReply>> ReadAttributesAsync(Node node, OperationContext operation)
    {
        FuseResult<AttributesReply> read = await _mount.Attributes.ReadAsync(node, operation);
        if (read.Error != Errno.ESTALE)
            return read;
        if (_mount.SentBack.Has(operation.Pid) && _mount.Cache.Statuses.TryGet(node.Fid, out FetchStatus last))
            return _mount.Attributes.Compose(node, last, isPromised: false);
        _mount.SentBack.Note(operation.Pid, opens: true);
        return read;
    }

    private async ValueTask<FuseResult<AttributesReply>> WaitForNamesAsync(DirectoryNode directory, uint caller, OperationContext operation)
    {
        Errno error = await _mount.Held.WaitAsync(directory, caller, operation);
        return error != Errno.None ? error
            : _mount.Attributes.TryRead(directory, out AttributesReply reply) ? reply
            : await _mount.Attributes.ReadAsync(directory, operation);
    }

    public override ValueTask<FuseResult<AttributesReply>> SetAttributes(in FuseRequest request, NodeId node, in SetAttributesRequest set) =>
        TryFind(node, out Node found) ? _attributes.SetAsync(found, set, request.Operation()) : Refuse<AttributesReply>(Errno.ESTALE);

    /// <summary>A symlink's target never changes.</summary>
    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLink(in FuseRequest request, NodeId node)
    {
        if (!TryFind(node, out Node found) || found.Type != FileType.Symlink)
            return Refuse<ReadOnlyMemory<byte>>(found is null ? Errno.ESTALE : Errno.EINVAL);
        return _mount.Cache.Statuses.TryGet(found.Fid, out FetchStatus status)
            ? new(new ReadOnlyMemory<byte>(status.SymlinkTarget))
            : FetchAsync(_mount.Cache.Statuses, found.Fid, request.Operation());

        static async ValueTask<FuseResult<ReadOnlyMemory<byte>>> FetchAsync(IStatusCache statuses, Fid fid, OperationContext operation)
        {
            Result<FetchStatus> fetched = await statuses.GetAsync(fid, operation);
            if (fetched.IsSuccess)
                return new ReadOnlyMemory<byte>(fetched.Value.SymlinkTarget);
            // A link that was replaced since its name was looked up still says where it led, as on a local disk.
            return fetched.Failure.IsGone() && statuses.TryGet(fid, out FetchStatus last) ? new ReadOnlyMemory<byte>(last.SymlinkTarget) : fetched.Failure.ToErrno();
        }
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) =>
        TryFind(node, out Node found) ? _xattrs.Get(found, name, request.Operation()) : Refuse<ReadOnlyMemory<byte>>(Errno.ESTALE);

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListXattr(in FuseRequest request, NodeId node) =>
        TryFind(node, out Node found) ? _xattrs.ListAsync(found, showsTrusted: request.Uid == 0, request.Operation()) : Refuse<ReadOnlyMemory<byte>>(Errno.ESTALE);

    public override ValueTask<Errno> SetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid) =>
        TryFind(node, out Node found) ? _xattrs.Set(found, name, value, flags, killSgid, request.Operation()) : new(Errno.ESTALE);

    public override ValueTask<Errno> RemoveXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) =>
        TryFind(node, out Node found) ? _xattrs.Remove(found, name, request.Operation()) : new(Errno.ESTALE);

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid)
    {
        if (!TryFind(node, out FileNode file))
            return Refuse<OpenReply>(Errno.ESTALE);
        ValueTask<FuseResult<OpenReply>> open = file.IsOpen && MayBeReleased(file)
            ? OpenReleasedAsync(file, openFlags, killSuidGid, Opening(request), request.Operation())
            : _opener.Open(file, openFlags, killSuidGid, Opening(request), request.Operation());
        return open.IsCompletedSuccessfully && open.Result.Error != Errno.ESTALE && !_mount.SentBack.IsAny
            ? open
            : OpenOrSendBackAsync(file, openFlags, request.Id, request.Operation(), open);
    }

    private async ValueTask<FuseResult<OpenReply>> OpenReleasedAsync(FileNode file, int openFlags, bool killSuidGid, RequestId opening, OperationContext operation)
    {
        await _mount.Kernel.EarlierReleasesAsync();
        return await _opener.Open(file, openFlags, killSuidGid, opening, operation);
    }

    /// <summary>
    /// Notes a caller whose open fails with ESTALE: the kernel repeats the call, and it must succeed then (<see cref="SentBack"/>). A file that is gone by then is opened as the
    /// repeated lookup found it, as on a local disk one that lost its name. What was found must be of the last version that is known: the lookup may have been another call's.
    /// An open that needs nothing of that lets it go, so that the cache may evict it.
    /// </summary>
    private async ValueTask<FuseResult<OpenReply>> OpenOrSendBackAsync(FileNode file, int openFlags, RequestId opening, OperationContext operation, ValueTask<FuseResult<OpenReply>> open)
    {
        FuseResult<OpenReply> opened = await open;
        using (IContainer? found = _mount.SentBack.Take(operation.Pid, file.Id))
        {
            bool isUsable = found is not null && _mount.Cache.Statuses.TryGet(file.Fid, out FetchStatus last) && last.DataVersion == found.BaseVersion;
            if (isUsable && opened.Error == Errno.ESTALE)
                opened = await _opener.OpenGoneAsync(file, found!, openFlags, opening, operation);
        }

        if (opened.Error == Errno.ESTALE)
            _mount.SentBack.Note(operation.Pid, opens: true);
        return opened;
    }

    public override ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination) =>
        _mount.Locks.IsLost(handle) ? Refuse<int>(Errno.EIO) : _content.Read(handle, offset, destination, request.Operation());

    public override ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, WriteTraits traits) =>
        _mount.Locks.IsLost(handle) ? Refuse<int>(Errno.EIO) : _content.Write(handle, offset, data, traits, request.Operation());

    public override ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner) =>
        TryFind(node, out Node file)
            ? _locks.Flushed(_content.Flush(handle, request.Operation()), file.Fid, handle, lockOwner, request.Operation())
            : _content.Flush(handle, request.Operation());

    public override ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) =>
        _mount.Locks.IsLost(handle) ? SyncLostAsync(_content.Sync(handle, request.Operation())) : _content.Sync(handle, request.Operation());

    /// <summary>What was written is parked now, if it wasn't yet.</summary>
    private static async ValueTask<Errno> SyncLostAsync(ValueTask<Errno> synced)
    {
        await synced;
        return Errno.EIO;
    }

    public override ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner)
    {
        FreeLocks(node, handle);
        _opener.Release(handle);
        return new(Errno.None);
    }

    /// <summary>Zeroing and punching holes may take long on a slow disk, and copying always does. So none of them runs on a reader thread.</summary>
    public override ValueTask<Errno> Fallocate(in FuseRequest request, NodeId node, FileHandle handle, long offset, long lengthBytes, uint mode) =>
        Allocate(request.Operation(), handle, offset, lengthBytes, mode);

    public override ValueTask<FuseResult<long>> CopyFileRange(in FuseRequest request, NodeId node, FileHandle handle, long offset, NodeId toNode, FileHandle toHandle, long toOffset, long lengthBytes, ulong flags) =>
        Copy(request.Operation(), handle, offset, toHandle, toOffset, lengthBytes);

    public override ValueTask<FuseResult<long>> Seek(in FuseRequest request, NodeId node, FileHandle handle, long offset, uint whence) =>
        _content.SeekAsync(handle, offset, whence, request.Operation());

    private ValueTask<Errno> Allocate(OperationContext operation, FileHandle handle, long offset, long lengthBytes, uint mode) =>
        new(Task.Run(() => _content.AllocateAsync(handle, offset, lengthBytes, mode, operation), CancellationToken.None));

    private ValueTask<FuseResult<long>> Copy(OperationContext operation, FileHandle from, long fromOffset, FileHandle to, long toOffset, long lengthBytes) =>
        new(Task.Run(() => _content.CopyAsync(from, fromOffset, to, toOffset, lengthBytes, operation), CancellationToken.None));

    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags)
    {
        if (!TryFind(node, out DirectoryNode directory))
            return Refuse<OpenReply>(Errno.ESTALE);
        if (_mount.Unanswered.TryTake(request.Id, out FileHandle unknown))
            _mount.Directories.Remove(unknown);
        return _directories.TryOpen(directory, request.Id, out OpenReply reply) ? new(reply) : _directories.OpenAsync(directory, request.Id, request.Operation());
    }

    public override ValueTask<Errno> PrepareDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, bool isPlus) =>
        _directories.Prepare(handle, offset, isPlus, request.Operation());

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler) =>
        _directories.Read(handle, offset, ref filler);

    public override ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle)
    {
        FreeLocks(node, handle);
        _mount.Directories.Remove(handle);
        return new(Errno.None);
    }

    public override ValueTask<Errno> FsyncDirectory(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly)
    {
        return TryFind(node, out DirectoryNode directory) ? SyncAsync(_mount, directory.Fid, handle, _mount.Cache.Operations.SyncAsync(directory.Fid, request.Operation())) : new(Errno.None);

        static async ValueTask<Errno> SyncAsync(VfsMount mount, Fid fid, FileHandle handle, ValueTask<Failure> synced)
        {
            Failure failure = await synced;
            return (failure.IsNone && mount.Directories.Find(handle) is { } open ? open.TellRefusal(mount.Cache.Operations.RefusalsIn(fid)) : failure).ToErrno();
        }
    }

    public override ValueTask<FuseResult<FileLock>> GetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted) =>
        TryFind(node, out Node file) ? _locks.GetAsync(file.Fid, handle, wanted, request.Operation()) : Refuse<FileLock>(Errno.ESTALE);

    public override ValueTask<Errno> SetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted, bool wait) =>
        TryFind(node, out Node file)
            ? _locks.Set(file.Fid, handle, wanted, ClosesSilently(file, handle), wait, request.Operation())
            : new(Errno.ESTALE);

    /// <summary>The kernel tells nothing of the closes of this open file but the last. Of a directory it never does.</summary>
    private bool ClosesSilently(Node node, FileHandle handle) => node is not FileNode || _mount.Files.Find(handle) is not { ClosesSilently: false };

    /// <summary>Called before the handle is removed: so a successor of this daemon never finds locks of a handle that is gone.</summary>
    private void FreeLocks(NodeId node, FileHandle handle)
    {
        if (TryFind(node, out Node file))
            _locks.Released(file.Fid, handle);
    }
}

/// <summary>The one place where a failure becomes an errno (as fs/afs/misc.c of Linux does it).</summary>
public static class VfsErrors
{
    private static readonly FrozenDictionary<AbortCode, Errno> OfAborts = new Dictionary<AbortCode, Errno>
    {
        // ESTALE makes the kernel look the path up again and repeat the system call once.
        [AbortCodes.NoVnode] = Errno.ESTALE,
        [AbortCodes.NameChanged] = Errno.ESTALE,
        [AbortCodes.VersionGone] = Errno.ESTALE,
        [AbortCodes.NoVolume] = Errno.ENODEV,
        [AbortCodes.NameNotFound] = Errno.ENOENT,
        [AbortCodes.NameExists] = Errno.EEXIST,
        [AbortCodes.NotADirectory] = Errno.ENOTDIR,
        [AbortCodes.IsADirectory] = Errno.EISDIR,
        [AbortCodes.DirectoryNotEmpty] = Errno.ENOTEMPTY,
        [AbortCodes.BadName] = Errno.EINVAL,
        [AbortCodes.BadArgument] = Errno.EINVAL,
        [AbortCodes.TooManyLinks] = Errno.EMLINK,
        [AbortCodes.WouldLoop] = Errno.EINVAL,
        [AbortCodes.NoSpace] = Errno.ENOSPC,
        [AbortCodes.OverQuota] = Errno.EDQUOT,
        [AbortCodes.FileTooLarge] = Errno.EFBIG,
        [AbortCodes.ReadOnlyVolume] = Errno.EROFS,
        [AbortCodes.ChecksumMismatch] = Errno.EIO,
        [AbortCodes.NoUpload] = Errno.EIO,
        [AbortCodes.NoXattr] = Errno.ENODATA,
        [AbortCodes.XattrExists] = Errno.EEXIST,
        [AbortCodes.XattrTooLarge] = Errno.ENOSPC,
        [AbortCodes.NotPermitted] = Errno.EACCES,
        [AbortCodes.ServerDiskFailed] = Errno.EIO,
        [AbortCodes.CrossesVolumes] = Errno.EXDEV,
        [AbortCodes.Busy] = Errno.EBUSY,
        // Of a batch: an fsync is told that something before it isn't done.
        [AbortCodes.FidNotLeased] = Errno.EIO,
        [AbortCodes.BatchOutOfOrder] = Errno.EIO,
        [AbortCodes.TokenHeld] = Errno.EIO,
        [AbortCodes.NotPreceded] = Errno.EIO,
        [AbortCodes.LockLost] = Errno.EIO,
    }.ToFrozenDictionary();

    /// <summary>The errno of a failure; <see cref="Errno.None"/> of none.</summary>
    public static Errno ToErrno(this Failure failure) => failure.Kind switch
    {
        FailureKind.None => Errno.None,
        FailureKind.Refused => ToErrno(failure.Abort),
        FailureKind.Unreachable => Errno.ETIMEDOUT,
        FailureKind.InDoubt => Errno.ETIMEDOUT,
        FailureKind.Interrupted => Errno.EINTR,
        FailureKind.CacheFull => Errno.ENOSPC,
        FailureKind.CacheDiskFailed => Errno.EIO,
        FailureKind.TooManyOpenFiles => Errno.ENFILE,
        FailureKind.RemovedMeanwhile => Errno.ESTALE,
        FailureKind.ContentDamaged => Errno.EIO,
        FailureKind.RefusedBehind => Errno.EIO,
        FailureKind.ServerMisbehaved => Errno.EIO,
        FailureKind.ShuttingDown => Errno.ENOTCONN,
        _ => throw new InvalidOperationException($"Failure kind {failure.Kind} has no errno."),
    };

    /// <summary>The errno of a failure of the cache's disk.</summary>
    public static Errno ToErrno(this DiskException failure) => DiskFailures.ToFailure(failure).ToErrno();

    /// <summary>The errno of a server's refusal. EIO for the codes of the Rpc layer, and for those of a server that is newer than this client.</summary>
    public static Errno ToErrno(AbortCode abort) => OfAborts.GetValueOrDefault(abort, Errno.EIO);

    public static bool IsGone(this Failure failure) => failure.Kind == FailureKind.Refused && failure.Abort == AbortCodes.NoVnode;
}

/// <summary>
/// Pauses between attempts, while a break must be on its way: the server has already changed what this client still believes.
/// </summary>
internal static class RetryPause
{
    /// <summary>Together with <see cref="LongestMs"/> a little over a second.</summary>
    public const int MaxAttempts = 32;

    private const int LongestMs = 50;

    /// <summary>Waits, longer with each attempt. False: the caller no longer waits.</summary>
    public static async ValueTask<bool> WaitAsync(int attempt, TimeProvider time, OperationContext operation)
    {
        try
        {
            int waitMs = Math.Min(1 << Math.Min(attempt, 8), LongestMs);
            await Task.Delay(TimeSpan.FromMilliseconds(waitMs), time, operation);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
