using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;
using CreateReply = Afs.Fuse.CreateReply;

namespace Afs.Venus.Vfs;

/// <summary>Makes new objects and new names.</summary>
internal sealed class Creations(VfsMount mount, Lookups lookups, FileOpener opener)
{
    /// <summary>
    /// How long the kernel may keep the attributes of a file that is about to be written. The end of the same open(2) checks permissions by them (may_open in
    /// fs/namei.c), and would ask for them again otherwise. A write makes the kernel forget those that it changes anyway (fuse_write_update_attr).
    /// </summary>
    private static readonly TimeSpan OneLook = TimeSpan.FromMilliseconds(1);

    /// <summary>MKNOD, MKDIR, SYMLINK.</summary>
    public async ValueTask<FuseResult<EntryReply>> MakeAsync(DirectoryNode parent, CreateRequest request, OperationContext operation)
    {
        if (GoneParents.IsGone(mount, parent))
            return Errno.ENOENT;
        // The kernel doesn't repeat bind(2) of a socket after ESTALE (net/unix/af_unix.c, unix_bind_bsd).
        if (request.Type != FileType.Socket && await NameChange.MustComeAgain(mount, operation, parent))
            return Errno.ESTALE;
        using var change = new NameChange(mount.Names, parent);
        for (int attempt = 0; attempt <= RetryPause.MaxAttempts; attempt++)
        {
            Result<FetchStatus> created = await mount.Cache.Operations.CreateAsync(request, operation);
            if (!created.IsSuccess)
                return await GoneParents.ToErrnoAsync(mount, created.Failure, parent, operation);
            FuseResult<EntryReply> entry = await IntroduceAsync(parent, request.Name, created.Value, operation);
            if (entry.IsSuccess && mount.Nodes.Find(entry.Value.Node) is DirectoryNode made)
                mount.Names.NoteMade(made);
            // Another client may have removed it already. Then it is made again.
            if (entry.Error != Errno.ESTALE)
                return entry;
        }

        return Errno.ESTALE;
    }

    /// <summary>LINK.</summary>
    public async ValueTask<FuseResult<EntryReply>> LinkAsync(Node node, DirectoryNode parent, byte[] name, OperationContext operation)
    {
        if (GoneParents.IsGone(mount, parent))
            return Errno.ENOENT;
        if (await NameChange.MustComeAgain(mount, operation, parent))
            return Errno.ESTALE;
        using var change = new NameChange(mount.Names, parent);
        Result<FetchStatus> linked = await mount.Cache.Operations.LinkAsync(node.Fid, parent.Fid, name, operation);
        return linked.IsSuccess ? await IntroduceAsync(parent, name, linked.Value, operation) : await GoneParents.ToErrnoAsync(mount, linked.Failure, parent, operation);
    }

    /// <summary>CREATE; and TMPFILE, whose request has no name.</summary>
    public async ValueTask<FuseResult<CreateReply>> CreateAsync(
        DirectoryNode parent, CreateRequest request, int openFlags, RequestId opening, OperationContext operation)
    {
        if (GoneParents.IsGone(mount, parent))
            return Errno.ENOENT;
        if (request.Name is not null && await NameChange.MustComeAgain(mount, operation, parent))
        {
            mount.SentBack.Note(operation.Pid, opens: true);
            return Errno.ESTALE;
        }

        using var change = new NameChange(mount.Names, parent);
        for (int attempt = 0; attempt <= RetryPause.MaxAttempts; attempt++)
        {
            Result<FetchStatus> created = await mount.Cache.Operations.CreateAsync(request, operation);
            if (created.IsSuccess)
            {
                FuseResult<CreateReply> made = await IntroduceOpenAsync(parent, request, created.Value, openFlags, opening, operation);
                // Another client may have removed it before it was open. Then it is made again: the kernel repeats a call only once.
                if (made.Error != Errno.ESTALE || request.Name is null)
                    return made;
                continue;
            }

            if (created.Failure.Abort != AbortCodes.NameExists || OpenFlags.IsExclusive(openFlags))
                return await GoneParents.ToErrnoAsync(mount, created.Failure, parent, operation);
            if (await OpenExistingAsync(parent, request, openFlags, opening, operation) is { } existing)
                return existing;
            // The name was removed again meanwhile.
        }

        return Errno.ESTALE;
    }

    /// <summary>ESTALE: it is gone already.</summary>
    private async ValueTask<FuseResult<CreateReply>> IntroduceOpenAsync(
        DirectoryNode parent, CreateRequest request, FetchStatus made, int openFlags, RequestId opening, OperationContext operation)
    {
        FuseResult<EntryReply> entry = await IntroduceAsync(parent, request.Name, made, operation);
        if (!entry.IsSuccess)
            return entry.Error;
        var node = (FileNode)mount.Nodes.Find(entry.Value.Node)!;
        FuseResult<OpenReply> opened = await OpenCreatedAsync(node, openFlags, opening, operation);
        if (!opened.IsSuccess)
        {
            mount.Entries.Forget(node);
            return opened.Error;
        }

        EntryReply reply = entry.Value;
        if (OpenFlags.Changes(openFlags) && reply.AttributeTimeout > OneLook)
            reply.AttributeTimeout = OneLook;
        return new CreateReply { Entry = reply, Open = opened.Value };
    }

    private async ValueTask<FuseResult<OpenReply>> OpenCreatedAsync(FileNode node, int openFlags, RequestId request, OperationContext operation)
    {
        bool isWritable = OpenFlags.Changes(openFlags);
        Result<Durability> durability = await mount.Marks.AskAsync(node, openFlags, operation);
        if (!durability.IsSuccess)
            return durability.Failure.ToErrno();
        Result<IContainer> container = await mount.Cache.Contents.OpenAsync(node.Fid, isWritable, truncate: false, operation);
        return container.IsSuccess ? opener.Attach(node, container.Value, isWritable, durability.Value, request, isIntroduced: true) : container.Failure.ToErrno();
    }

    /// <summary>
    /// Another client made the name first: the file that is there is opened. The reply to a CREATE checks no permissions. So if it isn't plain that this caller may open the file, the
    /// answer is ESTALE: the kernel looks the name up and opens the file in the ordinary way, which does check. That isn't done always, since the kernel repeats a call only
    /// once, and others may remove and make the name all the time.
    /// </summary>
    /// <returns>Null: the name is gone.</returns>
    private async ValueTask<FuseResult<CreateReply>?> OpenExistingAsync(
        DirectoryNode parent, CreateRequest request, int openFlags, RequestId opening, OperationContext operation)
    {
        for (int attempt = 0; attempt < RetryPause.MaxAttempts; attempt++)
        {
            FuseResult<EntryReply> existing = await lookups.LookupAsync(parent, request.Name!, operation);
            if (!existing.IsSuccess)
                return existing.Error;
            EntryReply entry = existing.Value;
            if (entry.Node != default)
            {
                if (mount.Nodes.Find(entry.Node) is not FileNode file || !MayOpen(entry.Attributes, request.Uid, openFlags))
                {
                    mount.Entries.Forget(entry.Node, 1);
                    return Errno.ESTALE;
                }

                FuseResult<OpenReply> opened = await opener.Open(file, openFlags, killSetId: false, opening, operation);
                if (opened.IsSuccess)
                    return new CreateReply { Entry = entry, Open = opened.Value };
                mount.Entries.Forget(entry.Node, 1);
                if (opened.Error != Errno.ESTALE)
                    return opened.Error;
            }
            else if (mount.Cache.Directories.TryLookup(parent.Fid, request.Name!, out _, out _) == LookupAnswer.Absent)
                return null;

            if (!await RetryPause.WaitAsync(attempt, mount.Time, operation))
                return Errno.EINTR;
        }

        return Errno.ESTALE;
    }

    /// <summary>
    /// It is plain that the caller may open the file so: root may, and the owner by the owner's bits. For anybody else it takes groups and access lists to tell, and for a write to a file
    /// with set-id bits whether they are to be cleared. Only the kernel knows those.
    /// </summary>
    private static bool MayOpen(in FuseAttributes file, uint caller, int openFlags)
    {
        const uint Read = 4, Write = 2, SetId = 0xC00;
        const int OwnerShift = 6;
        bool reads = (openFlags & OpenFlags.AccessModeMask) != 1, writes = OpenFlags.Changes(openFlags);
        uint wanted = (reads ? Read : 0) | (writes ? Write : 0);
        return caller == 0 || file.Uid == caller && (file.Mode >> OwnerShift & wanted) == wanted && !(writes && (file.Mode & SetId) != 0);
    }

    /// <summary>
    /// The entry of what was just made. The kernel may keep the name only if the directory is promised and its listing shows the name. Otherwise nobody
    /// would tell when another client removes it.
    /// </summary>
    private ValueTask<FuseResult<EntryReply>> IntroduceAsync(DirectoryNode parent, byte[]? name, FetchStatus status, OperationContext operation)
    {
        GivenName given = name is null ? default : mount.Names.Give(parent, name, isLocked: true);
        bool isPromised = name is not null
            && mount.Cache.Directories.TryLookup(parent.Fid, name, out Fid child, out _) == LookupAnswer.Found
            && child == status.Fid;
        if (!isPromised)
            given = default;
        return mount.Entries.TryResolve(status.Fid, status.Type, given, out EntryReply reply)
            ? new(reply)
            : mount.Entries.ResolveAsync(status.Fid, status.Type, given, operation);
    }
}
