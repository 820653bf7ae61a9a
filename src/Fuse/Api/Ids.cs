namespace Afs.Fuse;

/// <summary>
/// The name that the kernel holds for one file, directory or other object (<c>fuse_in_header.nodeid</c>).
/// It lives from the reply that introduced it until the kernel has FORGOTten every lookup of it.
/// It isn't the inode number that stat shows: that is <see cref="FuseAttributes.Ino"/>.
/// </summary>
public readonly record struct NodeId(ulong Value)
{
    /// <summary>The mount's root, known to the kernel without a lookup (FUSE_ROOT_ID).</summary>
    public static readonly NodeId Root = new(1);

    public override string ToString() => $"node {Value}";
}

/// <summary>The filesystem's own name for one open file or directory; the kernel hands it back with each use.</summary>
public readonly record struct FileHandle(ulong Value);

/// <summary>The kernel's identifier of one request (<c>fuse_in_header.unique</c>).</summary>
public readonly record struct RequestId(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// A backing file registered with FUSE_DEV_IOC_BACKING_OPEN, for passthrough. Zero means none.
/// All opens of one NodeId at a time must use the same id (fs/fuse/iomode.c).
/// </summary>
public readonly record struct BackingId(int Value)
{
    public bool IsNone => Value == 0;
}
