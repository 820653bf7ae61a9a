namespace Afs.Fuse;

/// <summary>
/// Tells the kernel that what it caches is stale, and registers backing files.
/// Some calls may wait until requests in flight were answered. Never make such a call from an operation, for which the kernel waits: only from a thread that serves no
/// request. Those marked "never blocks" are safe anywhere.
/// Each answers <see cref="Errno.ENOENT"/> where the kernel doesn't know the node or name, which is no fault.
/// </summary>
public interface IFuseNotifier
{
    /// <summary>Drops the attributes, and the cached data from <paramref name="offset"/>. With offset -1 (attributes only) it never blocks.</summary>
    Errno InvalidateNode(NodeId node, long offset = -1);

    /// <summary>
    /// Makes the kernel look up one name again before it uses it (FUSE_EXPIRE_ONLY, kernel 6.2; else ENOSYS). Where that finds the same node, whatever stands on the
    /// name stays: what is mounted there or below it, an overlayfs above it. Waits for a LOOKUP, CREATE, READDIR or RENAME in flight in that directory.
    /// </summary>
    Errno ExpireEntry(NodeId parent, ReadOnlySpan<byte> name);

    /// <summary>
    /// Drops every name of the mount: each is looked up again before it is used (FUSE_NOTIFY_INC_EPOCH, kernel 6.16; else ENOSYS). Never blocks. What is mounted inside the
    /// mount is detached at the next use of its name.
    /// </summary>
    Errno IncrementEpoch();

    /// <summary>
    /// Completes when every RELEASE and RELEASEDIR that the kernel sent before the request that asks this was carried out. The kernel sends it before the last close() returns, and waits for no answer: so
    /// what the caller of close() asks for next may otherwise be served first. Nearly always it is complete at once, and never takes more than two seconds. Any operation may wait for it.
    /// </summary>
    ValueTask EarlierReleasesAsync();

    /// <summary>Registers a regular file for passthrough. The descriptor may be closed afterwards. Never blocks.</summary>
    FuseResult<BackingId> OpenBacking(int fileDescriptor);

    /// <summary>Ends a registration. Files that are open through it stay usable; later opens with that id fail with EIO.</summary>
    Errno CloseBacking(BackingId backing);
}
