using System.Diagnostics.CodeAnalysis;

namespace Afs.Fuse;

/// <summary>
/// A filesystem: one method per kernel operation. What isn't overridden is refused with ENOSYS. For many operations the kernel then never asks again.
/// Names are well formed: 1 to 255 bytes, without NUL and '/', neither "." nor "..".
///
/// Methods are called on the session's reader threads. One that completes synchronously is answered on that thread,
/// without an allocation. One that must wait returns an incomplete task, and the thread goes on to the next request.
/// Spans are valid only until the method returns: an operation that waits copies what it needs first.
/// An exception is logged with the operation, the node and the request, and answered with EIO; it never ends the mount.
/// Implementations must be safe for concurrent calls.
/// </summary>
public abstract class FuseFileSystem
{
    protected static ValueTask<FuseResult<T>> Refuse<T>(Errno error) => new((FuseResult<T>)error);

    /// <summary>The session is up: what the kernel offered and what was agreed. Called before any other operation.</summary>
    public virtual void Started(FuseConnectionInfo connection, IFuseNotifier notifier) { }

    /// <summary>The kernel has asked for something: called before each request, on the thread that goes on with it. Must not wait or throw.</summary>
    public virtual void Arrived() { }

    /// <summary>The kernel will send no more requests.</summary>
    public virtual void Stopped() { }

    public virtual ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name) => Refuse<EntryReply>(Errno.ENOSYS);

    /// <summary>The kernel's count of lookups of the node goes down by <paramref name="lookups"/>. There is no reply. Must not wait or throw.</summary>
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
    public virtual ValueTask<FuseResult<int>> Write(in FuseRequest request, NodeId node, FileHandle handle, long offset, ReadOnlyMemory<byte> data, WriteTraits traits) => Refuse<int>(Errno.ENOSYS);

    /// <summary>A descriptor was closed. Comes at each close(2), of inherited and duplicated descriptors too. The errno is what close(2) returns.</summary>
    public virtual ValueTask<Errno> Flush(in FuseRequest request, NodeId node, FileHandle handle, ulong lockOwner) => new(Errno.ENOSYS);

    public virtual ValueTask<Errno> Fsync(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.ENOSYS);

    /// <summary>The last descriptor of this open file is gone. Nobody sees the errno.</summary>
    public virtual ValueTask<Errno> Release(in FuseRequest request, NodeId node, FileHandle handle, int openFlags, bool flockUnlock, ulong lockOwner) => new(Errno.None);

    public virtual ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags) => Refuse<OpenReply>(Errno.ENOSYS);

    /// <summary>
    /// Writes entries from <paramref name="offset"/> on (zero, or a nextOffset that was given before). An empty reply is the end. Never waits: the session calls
    /// <see cref="PrepareDirectory"/> first and awaits that.
    /// </summary>
    public virtual Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler) => Errno.ENOSYS;

    /// <summary>Brings into memory what the next <see cref="ReadDirectory"/> at this offset needs.</summary>
    public virtual ValueTask<Errno> PrepareDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, bool isPlus) => new(Errno.None);

    public virtual ValueTask<Errno> FsyncDirectory(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.ENOSYS);

    public virtual ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle) => new(Errno.None);

    public virtual ValueTask<FuseResult<StatFsReply>> StatFs(in FuseRequest request, NodeId node) => Refuse<StatFsReply>(Errno.ENOSYS);

    public virtual ValueTask<Errno> Access(in FuseRequest request, NodeId node, uint mask) => new(Errno.ENOSYS);

    /// <param name="flags">XATTR_CREATE (1), XATTR_REPLACE (2).</param>
    public virtual ValueTask<Errno> SetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid) => new(Errno.ENOSYS);

    /// <summary>The whole value. The session itself answers who only asks for the size, or has too little room (ERANGE).</summary>
    public virtual ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name) => Refuse<ReadOnlyMemory<byte>>(Errno.ENOSYS);

    /// <summary>All names, each with a NUL after it. The session itself answers who only asks for the size, or has too little room (ERANGE).</summary>
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

/// <summary>Who asks, and how to learn that the caller no longer waits.</summary>
/// <param name="Id">The kernel's identifier of the request.</param>
/// <param name="Uid">Filesystem user id of the caller.</param>
/// <param name="Gid">Filesystem group id of the caller.</param>
/// <param name="Pid">Thread id of the caller; zero where it lives in another pid namespace.</param>
/// <param name="Interrupted">
/// Set when the caller is being killed, or got any signal while it waits for a lock. An operation that waits should then end with <see cref="Errno.EINTR"/>:
/// until it answers, its caller can't even be killed.
/// </param>
public readonly record struct FuseRequest(RequestId Id, uint Uid, uint Gid, uint Pid, CancellationToken Interrupted);

/// <summary>The outcome of an operation: a value, or an errno. Zero (<see cref="Errno.None"/>) is success.</summary>
public readonly struct FuseResult<T>
{
    private readonly T _value;

    private FuseResult(T value, Errno error) => (_value, Error) = (value, error);

    /// <summary>The value; meaningful only where <see cref="Error"/> is <see cref="Errno.None"/>.</summary>
    public T Value => _value;

    /// <summary>The value where it stands: some have more than a hundred bytes.</summary>
    [UnscopedRef]
    internal ref readonly T ValueInPlace => ref _value;

    public Errno Error { get; }

    public bool IsSuccess => Error == Errno.None;

    public static implicit operator FuseResult<T>(T value) => new(value, Errno.None);

    /// <summary>A refusal. An operation never refuses with <see cref="Errno.None"/>.</summary>
    public static implicit operator FuseResult<T>(Errno error) =>
        error == Errno.None ? throw new ArgumentException("Errno.None is not a refusal.", nameof(error)) : new(default!, error);
}

/// <summary>A mount could not be made, or a session not be started. <see cref="Error"/> is <see cref="Errno.None"/> where no system call failed.</summary>
public sealed class FuseException(string message, Errno error) : IOException(error == Errno.None ? message : $"{message} ({error})")
{
    public Errno Error { get; } = error;
}

/// <summary>What INIT agreed on. The kernel tells it only once, so a process that takes the mount over gets it from its predecessor.</summary>
public sealed record FuseConnectionInfo
{
    /// <summary>The bounds of <see cref="MaxWriteBytes"/>.</summary>
    public const int LeastMaxWriteBytes = 4096, MostMaxWriteBytes = 1 << 20;

    public required uint Major { get; init; }
    public required uint Minor { get; init; }

    /// <summary>The FUSE_* flags in force, both words of 32 bits.</summary>
    public required ulong Flags { get; init; }

    public required int MaxWriteBytes { get; init; }

    /// <summary>The kernel lets this process register backing files: it was asked, it can, and the process has CAP_SYS_ADMIN.</summary>
    public required bool Passthrough { get; init; }

    /// <summary>The kernel can be told to look up every name again (<see cref="IFuseNotifier.IncrementEpoch"/>).</summary>
    public required bool HasEpoch { get; init; }

    /// <summary>The kernel can be told to look up one name again (<see cref="IFuseNotifier.ExpireEntry"/>). False in what an older daemon recorded.</summary>
    public bool HasExpireOnly { get; init; }

    /// <summary>The kernel can be told to send again what has no reply to a process that takes the mount over (<see cref="FuseSession.Resume"/>).</summary>
    public required bool HasResend { get; init; }
}

/// <summary>
/// Writes directory entries into the reply buffer of a READDIR or READDIRPLUS, in the kernel's layout.
/// It is valid only during the call that it was passed to.
/// </summary>
public ref struct DirectoryFiller
{
    private readonly Span<byte> _buffer;

    internal DirectoryFiller(Span<byte> buffer, bool isPlus)
    {
        _buffer = buffer;
        IsPlus = isPlus;
    }

    /// <summary>READDIRPLUS: each entry brings its node and attributes, as the answer to a LOOKUP does. It counts as a lookup if its node isn't zero.</summary>
    public bool IsPlus { get; }

    public int WrittenBytes { get; private set; }

    /// <summary>Adds one entry. False: it doesn't fit, and nothing was written; the reply ends before it.</summary>
    /// <param name="name">1 to 255 bytes, without NUL and '/'.</param>
    /// <param name="nextOffset">Where the next READDIR goes on after this entry; never zero.</param>
    /// <param name="modeType">The S_IFMT bits of the entry's mode.</param>
    /// <param name="entry">Used only with <see cref="IsPlus"/>. With node zero the kernel gets the name, type and number alone.</param>
    public bool TryAdd(ReadOnlySpan<byte> name, ulong ino, ulong nextOffset, uint modeType, in EntryReply entry)
    {
        int used = Protocol.DirectoryEntryWriter.TryWrite(_buffer[WrittenBytes..], IsPlus, name, ino, nextOffset, modeType, entry);
        WrittenBytes += used;
        return used > 0;
    }
}
