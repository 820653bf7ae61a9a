using System.Runtime.InteropServices;
using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Vfs;

/// <summary>The operations on open files. READ and WRITE come only for files without passthrough, the others for all.</summary>
internal sealed class FileContent(VfsMount mount)
{
    /// <summary>The most that one COPY_FILE_RANGE copies, as it can't be interrupted meanwhile. The caller asks again for the rest.</summary>
    private const long MaxCopyBytes = 64 << 20;

    /// <summary>FALLOC_FL_KEEP_SIZE.</summary>
    private const uint KeepSize = 1;

    public ValueTask<FuseResult<int>> Read(FileHandle handle, long offset, Memory<byte> destination, OperationContext operation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return new((FuseResult<int>)Errno.EBADF);
        if (file.DropsPages)
            file.Node.NoteDropped(file);
        return HasArrived(file.Container, offset, destination.Length)
            ? new(ReadArrived(file, destination.Span, offset))
            : AwaitAndReadAsync(file, offset, destination, operation);
    }

    public ValueTask<FuseResult<int>> Write(FileHandle handle, long offset, ReadOnlyMemory<byte> data, WriteTraits traits, OperationContext operation)
    {
        if (mount.Files.Find(handle) is not { IsWritable: true } file)
            return new((FuseResult<int>)Errno.EBADF);
        if (offset + data.Length > Limits.FileBytes)
            return new((FuseResult<int>)Errno.EFBIG);
        // Pages that a mapping changed are stored at msync(), which comes as an FSYNC after these WRITEs.
        bool isStored = traits.HasFlag(WriteTraits.Synchronous) || file.StoresEachWrite && !traits.HasFlag(WriteTraits.FromCache);
        return isStored || traits.HasFlag(WriteTraits.KillSuidGid)
            ? WriteAsync(file, offset, data, traits.HasFlag(WriteTraits.KillSuidGid), isStored, operation)
            : new(WriteAt(file, offset, data.Span));
    }

    /// <summary>FLUSH. If the file can't have changed through this handle, there is nothing to do.</summary>
    public ValueTask<Errno> Flush(FileHandle handle, OperationContext operation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return new(Errno.EBADF);
        if (!file.IsWritable)
            return new(Errno.None);
        RefusedBehind refused = mount.Cache.Operations.RefusalsOf(file.Node.Fid);
        return refused.Count > 0 && file.TellRefusal(refused) is { IsNone: false } told ? StoreAndTellAsync(Store(file.Container, operation), told.ToErrno()) : Store(file.Container, operation);
    }

    private static async ValueTask<Errno> StoreAndTellAsync(ValueTask<Errno> stored, Errno told) => await stored is var error and not Errno.None ? error : told;

    /// <summary>
    /// FSYNC. fsync() is about the file, whoever changed it (fsync(2)). So fsync() of a descriptor that only reads stores what other processes of this client wrote,
    /// and what an earlier close could not store. If nobody can have changed the container, as while it is still arriving, there is nothing to do.
    /// </summary>
    public ValueTask<Errno> Sync(FileHandle handle, OperationContext operation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return new(Errno.EBADF);
        ValueTask<Errno> stored = file.IsWritable || file.Container.MayBeWritten ? Store(file.Container, operation) : new(Errno.None);
        return SyncAfterAsync(mount, file, stored, operation);
    }

    /// <summary>What was stored, and all that this client did before, is at the server.</summary>
    private static async ValueTask<Errno> SyncAfterAsync(VfsMount mount, OpenFile file, ValueTask<Errno> stored, OperationContext operation)
    {
        Errno error = await stored;
        if (error != Errno.None)
            return error;
        Fid fid = file.Node.Fid;
        Failure failure = await mount.Cache.Operations.SyncAsync(fid, operation);
        return (failure.IsNone ? file.TellRefusal(mount.Cache.Operations.RefusalsIn(fid)) : failure).ToErrno();
    }

    /// <summary>Ends a change through a handle. If the handle stores each write, the change is at the server when this completes.</summary>
    /// <param name="changed">The errno of the change itself.</param>
    public static async ValueTask<Errno> StoreIfEachWriteAsync(VfsMount mount, OpenFile file, Errno changed, OperationContext operation) =>
        changed == Errno.None && file.StoresEachWrite ? await SyncAfterAsync(mount, file, Store(file.Container, operation), operation) : changed;

    public async Task<Errno> AllocateAsync(FileHandle handle, long offset, long lengthBytes, uint mode, OperationContext operation)
    {
        if (mount.Files.Find(handle) is not { IsWritable: true } file)
            return Errno.EBADF;
        if ((mode & KeepSize) == 0 && (offset > Limits.FileBytes || lengthBytes > Limits.FileBytes - offset))
            return Errno.EFBIG;
        Errno error;
        using (BorrowedHandle borrowed = file.Container.Borrow())
            error = ContainerFile.Allocate(borrowed.File, mode, offset, lengthBytes);
        return await StoreIfEachWriteAsync(mount, file, error, operation);
    }

    public async ValueTask<FuseResult<long>> SeekAsync(FileHandle handle, long offset, uint whence, OperationContext operation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return Errno.EBADF;
        Errno error = await ArrivedAsync(file.Container, 0, long.MaxValue, operation);
        if (error != Errno.None)
            return error;
        using BorrowedHandle borrowed = file.Container.Borrow();
        return whence is ContainerFile.SeekData or ContainerFile.SeekHole ? ContainerFile.Seek(borrowed.File, offset, whence) : Errno.EINVAL;
    }

    public async Task<FuseResult<long>> CopyAsync(
        FileHandle fromHandle, long fromOffset, FileHandle toHandle, long toOffset, long lengthBytes, OperationContext operation)
    {
        if (mount.Files.Find(fromHandle) is not { } from || mount.Files.Find(toHandle) is not { IsWritable: true } to)
            return Errno.EBADF;
        long bytes = Math.Min(lengthBytes, MaxCopyBytes);
        if (toOffset > Limits.FileBytes - bytes)
            return Errno.EFBIG;
        Errno error = await ArrivedAsync(from.Container, fromOffset, bytes, operation);
        if (error != Errno.None)
            return error;
        FuseResult<long> copied;
        using (BorrowedHandle source = from.Container.Borrow())
        using (BorrowedHandle target = to.Container.Borrow())
            copied = ContainerFile.Copy(source.File, fromOffset, target.File, toOffset, bytes);
        error = await StoreIfEachWriteAsync(mount, to, copied.Error, operation);
        return error == Errno.None ? copied : error;
    }

    private static ValueTask<Errno> Store(IContainer container, OperationContext operation)
    {
        ValueTask<Failure> store = container.StoreAsync(operation);
        return store.IsCompletedSuccessfully ? new(store.Result.ToErrno()) : AwaitAsync(store);

        static async ValueTask<Errno> AwaitAsync(ValueTask<Failure> store) => (await store).ToErrno();
    }

    /// <summary>The bytes are here. False: the file is still being fetched, and they are on their way.</summary>
    private static bool HasArrived(IContainer container, long offset, long countBytes) =>
        container.Arrival is not { IsComplete: false } arrival || arrival.Has(End(container, offset, countBytes));

    private static async ValueTask<FuseResult<int>> AwaitAndReadAsync(OpenFile file, long offset, Memory<byte> destination, OperationContext operation)
    {
        Errno error = await ArrivedAsync(file.Container, offset, destination.Length, operation);
        return error == Errno.None ? ReadArrived(file, destination.Span, offset) : error;
    }

    /// <summary>If the last open needed no descriptor of the container, this opens it, and is the first to find out that it can't be opened.</summary>
    private static FuseResult<int> ReadArrived(OpenFile file, Span<byte> destination, long offset)
    {
        try
        {
            using BorrowedHandle borrowed = file.Container.Borrow();
            return ContainerFile.Read(borrowed.File, destination, offset);
        }
        catch (DiskException)
        {
            file.Node.Distrust(file);
            throw;
        }
    }

    private static async ValueTask<Errno> ArrivedAsync(IContainer container, long offset, long countBytes, OperationContext operation) =>
        container.Arrival is { IsComplete: false } arrival ? (await arrival.WaitAsync(End(container, offset, countBytes), operation)).ToErrno() : Errno.None;

    /// <summary>The end of the range, cut at the end of the file. A file that is arriving has its whole length from the beginning.</summary>
    private static long End(IContainer container, long offset, long countBytes)
    {
        using BorrowedHandle borrowed = container.Borrow();
        long lengthBytes = borrowed.LengthBytes;
        return offset >= lengthBytes || countBytes > lengthBytes - offset ? lengthBytes : offset + countBytes;
    }

    private static FuseResult<int> WriteAt(OpenFile file, long offset, ReadOnlySpan<byte> data)
    {
        using BorrowedHandle borrowed = file.Container.Borrow();
        return ContainerFile.Write(borrowed.File, data, offset);
    }

    private async ValueTask<FuseResult<int>> WriteAsync(
        OpenFile file, long offset, ReadOnlyMemory<byte> data, bool killSetId, bool isStored, OperationContext operation)
    {
        Errno error = killSetId ? await mount.Privileges.KillAsync(file.Node, operation) : Errno.None;
        if (error != Errno.None)
            return error;
        FuseResult<int> written = WriteAt(file, offset, data.Span);
        if (!written.IsSuccess || !isStored)
            return written;
        error = await SyncAfterAsync(mount, file, Store(file.Container, operation), operation);
        return error == Errno.None ? written : error;
    }
}

/// <summary>What the open container of a node says of the file, compared with the server's current version.</summary>
internal readonly record struct FileView
{
    /// <summary>Nobody has it open through this node.</summary>
    public static readonly FileView Closed = default;

    public bool IsOpen { get; init; }

    /// <summary>Changed here, or open for writing here: <see cref="Local"/> is set.</summary>
    public bool IsLocal { get; init; }

    public LocalStatus Local { get; init; }

    /// <summary>Open at a version that isn't the current one, without local changes.</summary>
    public bool IsOld { get; init; }

    public long OldLengthBytes { get; init; }

    /// <summary>The status of the old version; null: it isn't known.</summary>
    public FetchStatus? OldStatus { get; init; }
}

/// <summary>How a file was attached to its node.</summary>
/// <param name="KeepsPages">The kernel may keep the pages that it has cached.</param>
/// <param name="IsRebound">The node's last open was of another container: the attributes that the kernel has are old.</param>
/// <param name="Backing">The registration for passthrough; none: the daemon serves READ and WRITE.</param>
internal readonly record struct FileBinding(bool KeepsPages, bool IsRebound, BackingId Backing);

/// <summary>System calls on a container that the framework doesn't have, or whose errno an application must see unchanged.</summary>
internal static partial class ContainerFile
{
    public const uint SeekData = 3;
    public const uint SeekHole = 4;

    private const int OpenReadOnly = 0, OpenCloseOnExec = 0x80000;

    /// <summary>Another descriptor of the same file, for reading only. Works also if the file has no name any more (proc(5), /proc/pid/fd).</summary>
    public static FuseResult<SafeFileHandle> ReopenForReading(SafeFileHandle container)
    {
        int descriptor = Open($"/proc/self/fd/{container.DangerousGetHandle()}", OpenReadOnly | OpenCloseOnExec);
        return descriptor < 0 ? (Errno)Marshal.GetLastPInvokeError() : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    public static Errno SetLength(SafeFileHandle container, long lengthBytes) => ToErrno(FTruncate(container, lengthBytes));

    public static Errno Allocate(SafeFileHandle container, uint mode, long offset, long lengthBytes) =>
        ToErrno(FAllocate(container, (int)mode, offset, lengthBytes));

    public static FuseResult<long> Seek(SafeFileHandle container, long offset, uint whence) =>
        ToResult(LSeek(container, offset, (int)whence));

    public static FuseResult<long> Copy(SafeFileHandle from, long fromOffset, SafeFileHandle to, long toOffset, long lengthBytes) =>
        ToResult(CopyFileRange(from, ref fromOffset, to, ref toOffset, (nint)lengthBytes, 0));

    public static FuseResult<int> Read(SafeFileHandle container, Span<byte> destination, long offset)
    {
        int total = 0;
        while (total < destination.Length)
        {
            nint count = PRead(container, ref MemoryMarshal.GetReference(destination[total..]), destination.Length - total, offset + total);
            if (count < 0)
                return (Errno)Marshal.GetLastPInvokeError();
            if (count == 0)
                break;
            total += (int)count;
        }

        return total;
    }

    /// <summary>Writes all of it. If the disk refuses on the way, the count that was written until then.</summary>
    public static FuseResult<int> Write(SafeFileHandle container, ReadOnlySpan<byte> data, long offset)
    {
        int total = 0;
        while (total < data.Length)
        {
            nint count = PWrite(container, ref MemoryMarshal.GetReference(data[total..]), data.Length - total, offset + total);
            if (count < 0)
                return total > 0 ? total : (Errno)Marshal.GetLastPInvokeError();
            total += (int)count;
        }

        return total;
    }

    private static Errno ToErrno(int result) => result < 0 ? (Errno)Marshal.GetLastPInvokeError() : Errno.None;

    private static FuseResult<long> ToResult(long result) => result < 0 ? (Errno)Marshal.GetLastPInvokeError() : result;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int FTruncate(SafeFileHandle file, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FAllocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long LSeek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint CopyFileRange(SafeFileHandle from, ref long fromOffset, SafeFileHandle to, ref long toOffset, nint length, uint flags);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint PRead(SafeFileHandle file, ref byte buffer, nint count, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint PWrite(SafeFileHandle file, ref byte buffer, nint count, long offset);
}

/// <summary>When the writes through an open file are stored at the server.</summary>
internal enum Durability : byte
{
    /// <summary>At close() and fsync().</summary>
    AtClose = 0,

    /// <summary>
    /// O_SYNC, O_DSYNC: each write is stored before it returns, so the daemon must see it. If the file is in passthrough, this open gets the same registration and
    /// FOPEN_DIRECT_IO: its own reads and writes come here, and those of other opens stay in passthrough (fs/fuse/file.c, fuse_file_write_iter).
    /// </summary>
    EachWrite = 1,

    /// <summary>
    /// The file is marked, or the mount is synchronous: as <see cref="EachWrite"/>, and the daemon serves every open of the file, so that it hears of msync() and RWF_DSYNC too. In passthrough
    /// the kernel would do both on the container by itself.
    /// </summary>
    Always = 2,
}

/// <summary>
/// Which files are marked to be stored at each write: those with the xattr <see cref="WellKnownXattrs.Synchronous"/>. A new file gets it from its directory.
/// For a file without xattrs no call is needed. If the status isn't promised, what was seen last counts, so that a cached file can be opened without a server.
/// </summary>
internal sealed class DurabilityMarks(ICacheManager cache, VfsOptions options)
{
    /// <summary>From memory. False: it isn't known; <see cref="AskAsync"/> may wait for the server.</summary>
    public bool TryTell(FileNode node, int openFlags, out Durability durability)
    {
        durability = OpenFlags.IsSynchronous(openFlags) ? Durability.EachWrite : Durability.AtClose;
        if (options.IsSynchronous)
            node.IsMarked = true;
        else if (cache.Statuses.TryGet(node.Fid, out FetchStatus status))
        {
            if (status.HasXattrs)
                return false;
            node.IsMarked = false;
        }

        if (node.IsMarked == true)
            durability = Durability.Always;
        return node.IsMarked is not null || !OpenFlags.Changes(openFlags);
    }

    public async ValueTask<Result<Durability>> AskAsync(FileNode node, int openFlags, OperationContext operation)
    {
        if (TryTell(node, openFlags, out Durability durability))
            return durability;
        Result<IReadOnlyList<Xattr>> xattrs = await cache.Operations.GetXattrsAsync(node.Fid, operation);
        if (!xattrs.IsSuccess)
            return OpenFlags.Changes(openFlags) ? xattrs.Failure : durability;
        node.IsMarked = xattrs.Value.Any(static x => x.Name.AsSpan().SequenceEqual(WellKnownXattrs.Synchronous));
        return node.IsMarked == true ? Durability.Always : durability;
    }
}
