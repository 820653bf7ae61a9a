namespace Afs.Fuse;

/// <summary>
/// Tells the kernel that what it caches is stale, and registers backing files.
/// The Invalidate and Delete calls may wait for requests in flight in that directory: never make them from an operation
/// that the kernel waits for, only from a thread that serves no request. Those marked "never blocks" are safe anywhere.
/// Each answers <see cref="Errno.ENOENT"/> where the kernel doesn't know the node or name, which is no fault.
/// </summary>
public interface IFuseNotifier
{
    /// <summary>Drops the attributes, and the cached data from <paramref name="offset"/>. With offset -1 (attributes only) it never blocks.</summary>
    Errno InvalidateNode(NodeId node, long offset = -1, long lengthBytes = 0);

    /// <summary>Drops one name of a directory. Waits for a LOOKUP, CREATE, READDIR or RENAME in flight in that directory.</summary>
    Errno InvalidateEntry(NodeId parent, ReadOnlySpan<byte> name);

    /// <summary>As <see cref="InvalidateEntry"/>, and tells inotify watchers that the name was removed.</summary>
    Errno Delete(NodeId parent, NodeId child, ReadOnlySpan<byte> name);

    /// <summary>Makes the kernel look up every name of the mount again before it uses it (FUSE_NOTIFY_INC_EPOCH, kernel 6.16). Never blocks. ENOSYS: the kernel has none.</summary>
    Errno IncrementEpoch();

    /// <summary>Asks the kernel to send again every request it has no reply for (FUSE_NOTIFY_RESEND, kernel 6.9).</summary>
    Errno Resend();

    /// <summary>Registers a regular file for passthrough. The descriptor may be closed afterwards. Never blocks.</summary>
    FuseResult<BackingId> OpenBacking(int fileDescriptor);

    /// <summary>Ends a registration. Harmless while the file is open through it; later opens with that id fail with EIO.</summary>
    Errno CloseBacking(BackingId backing);
}
