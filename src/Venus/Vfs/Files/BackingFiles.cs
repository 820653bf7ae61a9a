using System.Collections.Concurrent;
using Afs.Fuse;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Vfs;

/// <summary>
/// Registers containers for passthrough. Registrations are kept while nobody has the file open, since making one costs more than the rest of an
/// open; a queue bounds them. Which registration a node has is the node's own to know.
/// </summary>
internal sealed class BackingFiles(IFuseNotifier device, VfsOptions options)
{
    /// <summary>Nodes that became idle, oldest first; each stands here at most once, and one that was used since gets a second turn.</summary>
    private readonly ConcurrentQueue<FileNode> _idle = new();
    private int _refused;

    /// <summary>Registrations that the kernel refused; those files are served by the daemon.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>
    /// None where the kernel refuses, as it does for a cache on a stacked filesystem. A descriptor for reading is registered: the kernel opens the
    /// file anew with each opener's flags, and a registration that is kept must not look like a writer.
    /// </summary>
    public BackingId Open(SafeFileHandle container)
    {
        FuseResult<SafeFileHandle> reopened = ContainerFile.ReopenForReading(container);
        if (reopened.IsSuccess)
        {
            using SafeFileHandle readOnly = reopened.Value;
            FuseResult<BackingId> result = device.OpenBacking((int)readOnly.DangerousGetHandle());
            if (result.IsSuccess)
                return result.Value;
        }

        Interlocked.Increment(ref _refused);
        return default;
    }

    public void Close(BackingId backing) => device.CloseBacking(backing);

    /// <summary>A registration holds the container's disk space even when the cache evicts it: only small ones are kept.</summary>
    public bool MayKeep(OpenFile file)
    {
        bool isLengthKnown = !file.IsWritable && file.Status is not null;
        long lengthBytes = isLengthKnown ? file.Status!.LengthBytes : RandomAccess.GetLength(file.Container.Handle);
        return lengthBytes <= options.MaxIdleBackingBytes;
    }

    /// <summary>
    /// Small, and nobody can write it: it is read through the page cache of the mount. Passthrough would have the kernel open the container at
    /// each open, and ask for the attributes after each read (fs/fuse/passthrough.c, fuse_file_accessed).
    /// </summary>
    public bool ArePagesBetter(OpenFile file) =>
        !file.IsWritable && !file.Container.MayBeWritten && file.Status is { } status && status.LengthBytes <= options.MaxServedBytes;

    /// <summary>
    /// Large, and still arriving: what its reader asks for is copied to him, and not to pages of the mount first (FOPEN_DIRECT_IO). Those would be the
    /// file's length in memory once more beside the container's pages, which are what later opens read.
    /// </summary>
    public bool IsDirectBetter(OpenFile file) =>
        file.Container.Arrival is { IsComplete: false } && RandomAccess.GetLength(file.Container.Handle) >= options.MinDirectBytes;

    /// <summary>Nobody has the file open any more. Called under no lock.</summary>
    public void NoteIdle(FileNode node)
    {
        if (!node.TryQueueIdle())
            return;
        _idle.Enqueue(node);
        while (_idle.Count > options.MaxIdleBackings && _idle.TryDequeue(out FileNode? oldest))
        {
            if (!oldest.LeaveIdleQueue(this))
                return;
            _idle.Enqueue(oldest);
        }
    }
}
