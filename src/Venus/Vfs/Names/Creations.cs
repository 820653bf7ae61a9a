using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;
using CreateReply = Afs.Fuse.CreateReply;

namespace Afs.Venus.Vfs;

/// <summary>Makes new objects and new names.</summary>
internal sealed class Creations(VfsMount mount, Lookups lookups, FileOpener opener)
{
    /// <summary>
    /// Of the attributes of what is about to be written through the container: the end of the same open(2) checks permissions by them (may_open in
    /// fs/namei.c), and would ask for them again. A write makes the kernel forget what it changes of them anyway (fuse_write_update_attr).
    /// </summary>
    private static readonly TimeSpan OneLook = TimeSpan.FromMilliseconds(1);

    /// <summary>MKNOD, MKDIR, SYMLINK.</summary>
    public async ValueTask<FuseResult<EntryReply>> MakeAsync(DirectoryNode parent, CreateRequest request, CancellationToken cancellation)
    {
        Result<FetchStatus> created = await mount.Cache.Operations.CreateAsync(request, cancellation);
        return created.IsSuccess ? await IntroduceAsync(parent, request.Name, created.Value, cancellation) : created.Failure.ToErrno();
    }

    /// <summary>LINK.</summary>
    public async ValueTask<FuseResult<EntryReply>> LinkAsync(Node node, DirectoryNode parent, byte[] name, CancellationToken cancellation)
    {
        Result<FetchStatus> linked = await mount.Cache.Operations.LinkAsync(node.Fid, parent.Fid, name, cancellation);
        return linked.IsSuccess ? await IntroduceAsync(parent, name, linked.Value, cancellation) : linked.Failure.ToErrno();
    }

    /// <summary>CREATE, and TMPFILE where the request has no name.</summary>
    public async ValueTask<FuseResult<CreateReply>> CreateAsync(
        DirectoryNode parent, CreateRequest request, int openFlags, RequestId opening, CancellationToken cancellation)
    {
        Result<FetchStatus> created = await mount.Cache.Operations.CreateAsync(request, cancellation);
        if (!created.IsSuccess)
        {
            bool wasBeaten = created.Failure.Abort == AbortCodes.NameExists && !OpenFlags.IsExclusive(openFlags);
            return wasBeaten ? await SendBackAsync(parent, request.Name!, cancellation) : created.Failure.ToErrno();
        }

        FuseResult<EntryReply> entry = await IntroduceAsync(parent, request.Name, created.Value, cancellation);
        if (!entry.IsSuccess)
            return entry.Error;
        var node = (FileNode)mount.Nodes.Find(entry.Value.Node)!;
        FuseResult<OpenReply> opened = await OpenCreatedAsync(node, openFlags, opening, cancellation);
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

    private async ValueTask<FuseResult<OpenReply>> OpenCreatedAsync(FileNode node, int openFlags, RequestId request, CancellationToken cancellation)
    {
        bool isWritable = OpenFlags.Changes(openFlags);
        Result<IContainer> container = await mount.Cache.Contents.OpenAsync(node.Fid, isWritable, truncate: false, cancellation);
        return container.IsSuccess ? opener.Attach(node, container.Value, isWritable, request, isIntroduced: true) : container.Failure.ToErrno();
    }

    /// <summary>
    /// Another client made the name first. The kernel must look it up and open what is there by the ordinary way, since that checks
    /// permissions, which a CREATE's reply does not. ESTALE makes it do so, once the cached directory shows the name.
    /// </summary>
    private async ValueTask<Errno> WaitForNameAsync(DirectoryNode parent, byte[] name, CancellationToken cancellation)
    {
        for (int attempt = 0; attempt < RetryPause.MaxAttempts; attempt++)
        {
            FuseResult<EntryReply> existing = await lookups.LookupAsync(parent, name, cancellation);
            if (!existing.IsSuccess)
                return existing.Error;
            if (existing.Value.Node != default)
            {
                mount.Entries.Forget(existing.Value.Node, 1);
                return Errno.ESTALE;
            }

            if (!await RetryPause.WaitAsync(attempt, mount.Time, cancellation))
                return Errno.EINTR;
        }

        return Errno.ESTALE;
    }

    private async ValueTask<FuseResult<CreateReply>> SendBackAsync(DirectoryNode parent, byte[] name, CancellationToken cancellation) =>
        await WaitForNameAsync(parent, name, cancellation);

    /// <summary>
    /// The entry of what was just made. The kernel may keep the name only if the directory is promised and shows it: else nobody
    /// would tell when another client removes it.
    /// </summary>
    private ValueTask<FuseResult<EntryReply>> IntroduceAsync(DirectoryNode parent, byte[]? name, FetchStatus status, CancellationToken cancellation)
    {
        bool isPromised = name is not null
            && mount.Cache.Directories.TryLookup(parent.Fid, name, out Fid child, out _) == LookupAnswer.Found
            && child == status.Fid;
        return mount.Entries.TryResolve(status.Fid, status.Type, isPromised, out EntryReply reply)
            ? new(reply)
            : mount.Entries.ResolveAsync(status.Fid, status.Type, isPromised, cancellation);
    }
}
