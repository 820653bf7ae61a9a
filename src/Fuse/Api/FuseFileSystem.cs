namespace Afs.Fuse;

/// <summary>
/// A filesystem: one method per kernel operation. What isn't overridden is refused with ENOSYS, which for many
/// operations tells the kernel never to ask again.
///
/// Methods are called on the session's reader threads. One that completes synchronously is answered on that thread,
/// without an allocation; one that must wait returns an incomplete task and the thread goes on to the next request.
/// Spans are valid only until the method returns: an operation that waits copies what it needs first.
/// An exception is logged with the operation, the node and the request, and answered with EIO; it never ends the mount.
/// Implementations must be safe for concurrent calls.
/// </summary>
public abstract class FuseFileSystem
{
    protected static ValueTask<FuseResult<T>> Refuse<T>(Errno error) => new((FuseResult<T>)error);

    /// <summary>The session is up: what the kernel offered and what was agreed. Called before any other operation.</summary>
    public virtual void Started(FuseConnectionInfo connection, IFuseNotifier notifier) { }

    /// <summary>The kernel will send no more requests.</summary>
    public virtual void Stopped() { }

    public virtual ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => Refuse<EntryReply>(Errno.ENOSYS);

    /// <summary>The kernel drops <paramref name="lookups"/> of its lookups of the node. No reply. Must not wait or throw.</summary>
    public virtual void Forget(NodeId node, ulong lookups) { }

    /// <param name="handle">The open file that fstat was called on; null for stat.</param>
    public virtual ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle) => Refuse<AttributesReply>(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<AttributesReply>> SetAttributes(in FuseRequest request, NodeId node, in SetAttributesRequest set) => Refuse<AttributesReply>(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLink(in FuseRequest request, NodeId node) => Refuse<ReadOnlyMemory<byte>>(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<EntryReply>> SymLink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target) => Refuse<EntryReply>(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<EntryReply>> MakeNode(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint deviceNumber, uint umask) => Refuse<EntryReply>(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<EntryReply>> MakeDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask) => Refuse<EntryReply>(Errno.ENOSYS);

    public virtual ValueTask<Errno> Unlink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => new(Errno.ENOSYS);

    public virtual ValueTask<Errno> RemoveDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => new(Errno.ENOSYS);

    /// <param name="flags">RENAME_NOREPLACE (1), RENAME_EXCHANGE (2), RENAME_WHITEOUT (4); 0 for plain RENAME.</param>
    public virtual ValueTask<Errno> Rename(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, NodeId newParent, ReadOnlySpan<byte> newName, uint flags) => new(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<EntryReply>> Link(in FuseRequest request, NodeId node, NodeId newParent, ReadOnlySpan<byte> newName) => Refuse<EntryReply>(Errno.ENOSYS);

    /// <param name="openFlags">O_* flags of open(2), without O_CREAT, O_EXCL and O_NOCTTY; O_TRUNC only with ATOMIC_O_TRUNC.</param>
    public virtual ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid) => Refuse<OpenReply>(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags) => Refuse<CreateReply>(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<CreateReply>> TemporaryFile(in FuseRequest request, NodeId parent, uint mode, uint umask, int openFlags) => Refuse<CreateReply>(Errno.ENOSYS);

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/>; the value is the count of bytes, fewer only at the end of the file.</summary>
    public virtual ValueTask<FuseResult<int>> Read(in FuseRequest request, NodeId node, FileHandle handle, long offset, Memory<byte> destination) => Refuse<int>(Errno.ENOSYS);

    /// <summary>Writes all of <paramref name="data"/>. The memory is valid until the returned task completes.</summary>
    public virtual ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, bool killSuidGid) => Refuse<int>(Errno.ENOSYS);

    /// <summary>A descriptor was closed; comes once per close(2), so also for inherited and duplicated ones. Its errno is close's.</summary>
    public virtual ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner) => new(Errno.ENOSYS);

    public virtual ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.ENOSYS);

    /// <summary>The last descriptor is gone. Nobody sees the errno.</summary>
    public virtual ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner) => new(Errno.None);

    public virtual ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags) => Refuse<OpenReply>(Errno.ENOSYS);

    /// <summary>
    /// Fills entries from <paramref name="offset"/> (zero, or a nextOffset given before). An empty reply is the end.
    /// Where the entries are not at hand, returns an incomplete task from <see cref="PrepareDirectory"/> instead: the session
    /// awaits it before it calls this, which never waits.
    /// </summary>
    public virtual Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler) => Errno.ENOSYS;

    /// <summary>Brings what the next <see cref="ReadDirectory"/> at this offset needs into memory.</summary>
    public virtual ValueTask<Errno> PrepareDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, bool isPlus) => new(Errno.None);

    public virtual ValueTask<Errno> FsyncDirectory(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.ENOSYS);

    public virtual ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle) => new(Errno.None);

    public virtual ValueTask<FuseResult<StatFsReply>> StatFs(in FuseRequest request, NodeId node) => Refuse<StatFsReply>(Errno.ENOSYS);

    public virtual ValueTask<Errno> Access(in FuseRequest request, NodeId node, uint mask) => new(Errno.ENOSYS);

    /// <param name="flags">XATTR_CREATE (1), XATTR_REPLACE (2).</param>
    public virtual ValueTask<Errno> SetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid) => new(Errno.ENOSYS);

    /// <summary>The whole value; the session answers a size query and ERANGE by itself.</summary>
    public virtual ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) => Refuse<ReadOnlyMemory<byte>>(Errno.ENOSYS);

    /// <summary>All names, each ended by a NUL; the session answers a size query and ERANGE by itself.</summary>
    public virtual ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListXattr(in FuseRequest request, NodeId node) => Refuse<ReadOnlyMemory<byte>>(Errno.ENOSYS);

    public virtual ValueTask<Errno> RemoveXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) => new(Errno.ENOSYS);

    /// <param name="mode">FALLOC_FL_* flags.</param>
    public virtual ValueTask<Errno> Fallocate(in FuseRequest request, NodeId node, FileHandle handle, long offset, long lengthBytes, uint mode) => new(Errno.ENOSYS);

    /// <param name="whence">SEEK_DATA (3) or SEEK_HOLE (4).</param>
    public virtual ValueTask<FuseResult<long>> Seek(in FuseRequest request, NodeId node, FileHandle handle, long offset, uint whence) => Refuse<long>(Errno.ENOSYS);

    public virtual ValueTask<FuseResult<long>> CopyFileRange(in FuseRequest request, NodeId node, FileHandle handle, long offset, NodeId toNode, FileHandle toHandle, long toOffset, long lengthBytes, ulong flags) => Refuse<long>(Errno.ENOSYS);

    /// <summary>Only where <see cref="FuseMountOptions.RemoteLocks"/> is on; else the kernel keeps the locks of this mount itself.</summary>
    public virtual ValueTask<FuseResult<FileLock>> GetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted) => Refuse<FileLock>(Errno.ENOSYS);

    /// <param name="wait">SETLKW: wait until the lock is free; must end with EINTR when interrupted.</param>
    public virtual ValueTask<Errno> SetLock(in FuseRequest request, NodeId node, FileHandle handle, FileLock wanted, bool wait) => new(Errno.ENOSYS);
}
