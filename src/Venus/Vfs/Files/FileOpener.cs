using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>OPEN and RELEASE of regular files.</summary>
internal sealed class FileOpener(VfsMount mount)
{
    public ValueTask<FuseResult<OpenReply>> Open(FileNode node, int openFlags, bool killSetId, RequestId request, CancellationToken cancellation)
    {
        if (!OpenFlags.Changes(openFlags) && mount.Cache.Contents.TryOpenForReading(node.Fid, node.Proven, out IContainer container))
            return new(Attach(node, container, isWritable: false, request));
        return OpenSlowlyAsync(node, openFlags, killSetId, request, cancellation);
    }

    /// <summary>Takes the container over, also where it refuses.</summary>
    /// <param name="request">That the handle answers; none for one that the daemon uses itself.</param>
    /// <param name="isIntroduced">The same reply brings the kernel attributes that it may not keep.</param>
    public FuseResult<OpenReply> Attach(FileNode node, IContainer container, bool isWritable, RequestId request, bool isIntroduced = false)
    {
        KernelSession kernel = mount.Kernel.Session;
        bool isKnown = mount.Cache.Statuses.TryGet(node.Fid, out FetchStatus status);
        var file = new OpenFile(node, container, isWritable, isKnown ? status : null) { Request = request };
        if (!node.TryAttach(file, kernel.Backings, out FileBinding binding))
        {
            // The kernel looks the name up again, and finds a new node.
            mount.Nodes.Detach(node);
            container.Dispose();
            return Errno.ESTALE;
        }

        // Attributes of another container must not survive; nor any that the kernel may keep, once it writes without telling.
        if (binding.IsRebound || isWritable && !isIntroduced)
            kernel.Notifier.InvalidateNode(node.Id);
        file.Backing = binding.Backing;
        bool isDirect = binding.Backing.IsNone && kernel.Backings is { } backings && backings.IsDirectBetter(file);
        OpenReplyFlags flags = ToFlags(binding, isWritable) | (isDirect ? OpenReplyFlags.DirectIo : OpenReplyFlags.None);
        return new OpenReply { Handle = mount.Files.Add(file), Flags = flags, Backing = binding.Backing };
    }

    /// <summary>The last descriptor is gone. What a mapping wrote since the last FLUSH is stored when the container is let go.</summary>
    public void Release(FileHandle handle)
    {
        if (mount.Files.Remove(handle) is not { } file)
            return;
        file.Node.Remove(file, mount.Kernel.Session.Backings);
        file.Container.Dispose();
    }

    private static OpenReplyFlags ToFlags(FileBinding binding, bool isWritable)
    {
        OpenReplyFlags flags = isWritable ? OpenReplyFlags.None : OpenReplyFlags.NoFlush;
        if (!binding.Backing.IsNone)
            return flags | OpenReplyFlags.Passthrough;
        return binding.KeepsPages ? flags | OpenReplyFlags.KeepCache : flags;
    }

    private async ValueTask<FuseResult<OpenReply>> OpenSlowlyAsync(
        FileNode node, int openFlags, bool killSetId, RequestId request, CancellationToken cancellation)
    {
        bool isWritable = OpenFlags.Changes(openFlags);
        Result<IContainer> opened = await mount.Cache.Contents.OpenAsync(node.Fid, isWritable, OpenFlags.Truncates(openFlags), cancellation);
        if (!opened.IsSuccess)
            return opened.Failure.ToErrno();

        if (killSetId)
        {
            Errno error = await mount.Privileges.KillAsync(node, cancellation);
            if (error != Errno.None)
            {
                opened.Value.Dispose();
                return error;
            }
        }

        return Attach(node, opened.Value, isWritable, request);
    }
}
