using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>What is done to open files by handle. READ and WRITE come only where there is no passthrough, the rest always.</summary>
internal sealed class FileContent(VfsMount mount)
{
    /// <summary>A mapped copy of more in one call would hold a reader thread for long; the kernel asks again for the rest.</summary>
    private const long MaxCopyBytes = 64 << 20;

    /// <summary>FALLOC_FL_KEEP_SIZE.</summary>
    private const uint KeepSize = 1;

    public ValueTask<FuseResult<int>> Read(FileHandle handle, long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return new((FuseResult<int>)Errno.EBADF);
        if (file.DropsPages)
            file.Node.NoteDropped(file);
        return HasArrived(file.Container, offset, destination.Length)
            ? new(ReadArrived(file, destination.Span, offset))
            : AwaitAndReadAsync(file, offset, destination, cancellation);
    }

    public ValueTask<FuseResult<int>> Write(FileHandle handle, long offset, ReadOnlyMemory<byte> data, bool killSetId, CancellationToken cancellation)
    {
        if (mount.Files.Find(handle) is not { IsWritable: true } file)
            return new((FuseResult<int>)Errno.EBADF);
        if (offset + data.Length > Limits.FileBytes)
            return new((FuseResult<int>)Errno.EFBIG);
        return killSetId ? KillAndWriteAsync(file, offset, data, cancellation) : new(ContainerFile.Write(file.Container.Handle, data.Span, offset));
    }

    /// <summary>FLUSH. Nothing to do where the file can't have changed through this handle.</summary>
    public ValueTask<Errno> Flush(FileHandle handle, CancellationToken cancellation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return new(Errno.EBADF);
        return file.IsWritable ? Store(file.Container, cancellation) : new(Errno.None);
    }

    /// <summary>
    /// FSYNC: fsync() is about the file, whoever changed it (fsync(2)). So one of a descriptor that only reads stores what other processes of this client wrote,
    /// and what a close before could not store. Nothing to do where nobody can have changed the container, such as one that is still arriving.
    /// </summary>
    public ValueTask<Errno> Sync(FileHandle handle, CancellationToken cancellation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return new(Errno.EBADF);
        return file.IsWritable || file.Container.MayBeWritten ? Store(file.Container, cancellation) : new(Errno.None);
    }

    public Errno Allocate(FileHandle handle, long offset, long lengthBytes, uint mode)
    {
        if (mount.Files.Find(handle) is not { IsWritable: true } file)
            return Errno.EBADF;
        if ((mode & KeepSize) == 0 && (offset > Limits.FileBytes || lengthBytes > Limits.FileBytes - offset))
            return Errno.EFBIG;
        return ContainerFile.Allocate(file.Container.Handle, mode, offset, lengthBytes);
    }

    public async ValueTask<FuseResult<long>> SeekAsync(FileHandle handle, long offset, uint whence, CancellationToken cancellation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return Errno.EBADF;
        Errno error = await ArrivedAsync(file.Container, 0, long.MaxValue, cancellation);
        if (error != Errno.None)
            return error;
        return whence is ContainerFile.SeekData or ContainerFile.SeekHole ? ContainerFile.Seek(file.Container.Handle, offset, whence) : Errno.EINVAL;
    }

    public async Task<FuseResult<long>> CopyAsync(
        FileHandle fromHandle, long fromOffset, FileHandle toHandle, long toOffset, long lengthBytes, CancellationToken cancellation)
    {
        if (mount.Files.Find(fromHandle) is not { } from || mount.Files.Find(toHandle) is not { IsWritable: true } to)
            return Errno.EBADF;
        long bytes = Math.Min(lengthBytes, MaxCopyBytes);
        if (toOffset > Limits.FileBytes - bytes)
            return Errno.EFBIG;
        Errno error = await ArrivedAsync(from.Container, fromOffset, bytes, cancellation);
        if (error != Errno.None)
            return error;
        return ContainerFile.Copy(from.Container.Handle, fromOffset, to.Container.Handle, toOffset, bytes);
    }

    private static ValueTask<Errno> Store(IContainer container, CancellationToken cancellation)
    {
        ValueTask<Failure> store = container.StoreAsync(killSetId: false, cancellation);
        return store.IsCompletedSuccessfully ? new(store.Result.ToErrno()) : AwaitAsync(store);

        static async ValueTask<Errno> AwaitAsync(ValueTask<Failure> store) => (await store).ToErrno();
    }

    /// <summary>Where the file is still being fetched, what was asked for may be on its way.</summary>
    private static bool HasArrived(IContainer container, long offset, long countBytes) =>
        container.Arrival is not { IsComplete: false } arrival || arrival.Has(End(container, offset, countBytes));

    private static async ValueTask<FuseResult<int>> AwaitAndReadAsync(OpenFile file, long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        Errno error = await ArrivedAsync(file.Container, offset, destination.Length, cancellation);
        return error == Errno.None ? ReadArrived(file, destination.Span, offset) : error;
    }

    /// <summary>A container file that can't be opened is missed here first, where no open needed its descriptor.</summary>
    private static FuseResult<int> ReadArrived(OpenFile file, Span<byte> destination, long offset)
    {
        try
        {
            return ContainerFile.Read(file.Container.Handle, destination, offset);
        }
        catch (DiskException)
        {
            file.Node.Distrust(file);
            throw;
        }
    }

    private static async ValueTask<Errno> ArrivedAsync(IContainer container, long offset, long countBytes, CancellationToken cancellation) =>
        container.Arrival is { IsComplete: false } arrival ? (await arrival.WaitAsync(End(container, offset, countBytes), cancellation)).ToErrno() : Errno.None;

    /// <summary>Not behind the end of the file, which has its whole length from the beginning.</summary>
    private static long End(IContainer container, long offset, long countBytes)
    {
        long lengthBytes = RandomAccess.GetLength(container.Handle);
        return offset >= lengthBytes || countBytes > lengthBytes - offset ? lengthBytes : offset + countBytes;
    }

    private async ValueTask<FuseResult<int>> KillAndWriteAsync(OpenFile file, long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        Errno error = await mount.Privileges.KillAsync(file.Node, cancellation);
        if (error != Errno.None)
            return error;
        mount.Kernel.Session.Notifier.InvalidateNode(file.Node.Id);
        return ContainerFile.Write(file.Container.Handle, data.Span, offset);
    }
}
