using Afs.Fuse;
using Afs.Venus.Cache;

namespace Afs.Venus.Vfs;

/// <summary>
/// FSYNC: fsync() is about the file, whoever changed it (fsync(2)). So one of a descriptor that only reads stores what other processes of this client wrote,
/// and what a close before could not store.
/// </summary>
internal sealed class FileSync(VfsMount mount)
{
    /// <summary>Nothing to do where nobody can have changed the container, such as one that is still arriving.</summary>
    public ValueTask<Errno> Sync(FileHandle handle, CancellationToken cancellation)
    {
        if (mount.Files.Find(handle) is not { } file)
            return new(Errno.EBADF);
        return file.IsWritable || file.Container.MayBeWritten ? StoreAsync(file.Container, cancellation) : new(Errno.None);
    }

    private static async ValueTask<Errno> StoreAsync(IContainer container, CancellationToken cancellation) =>
        (await container.StoreAsync(killSetId: false, cancellation)).ToErrno();
}
