using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>One open file description of the kernel: the node, and its own pinned use of the container. Owned by the handle table until RELEASE.</summary>
internal sealed class OpenFile(FileNode node, IContainer container, bool isWritable, FetchStatus? known)
{
    public FileNode Node { get; } = node;

    public IContainer Container { get; } = container;

    public bool IsWritable { get; } = isWritable;

    /// <summary>The status that was known at open, of whatever version: what fstat shows once another client removed the file.</summary>
    public FetchStatus? Known { get; } = known;

    /// <summary>The same, if it is that of the container's version at open: what fstat shows once the file is old.</summary>
    public FetchStatus? Status { get; } = known?.DataVersion == container.BaseVersion ? known : null;

    /// <summary>The request that opened it; none for what the daemon opened for itself.</summary>
    public RequestId Request { get; init; }

    /// <summary>The registration that it is passed through by; none where the daemon serves it. Set when it was attached, before it is recorded.</summary>
    public BackingId Backing { get; set; }

    /// <summary>The kernel drops what it has cached of the content when it learns of this open. Owned by the node, under its lock.</summary>
    public bool DropsPages { get; set; }

    /// <summary>Links of the node's list; owned by the node, under its lock.</summary>
    public OpenFile? Next { get; set; }

    public OpenFile? Previous { get; set; }
}
