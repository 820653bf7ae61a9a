using Afs.Fuse;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>What the kernel knows by one NodeId. Regular files and directories have more: <see cref="FileNode"/>, <see cref="DirectoryNode"/>.</summary>
internal class Node(NodeId id, Fid fid, FileType type)
{
    public NodeId Id { get; } = id;

    public Fid Fid { get; } = fid;

    public FileType Type { get; } = type;

    /// <summary>Lookups that the kernel has not forgotten. Owned by <see cref="NodeTable"/>, under its lock.</summary>
    public ulong Lookups { get; set; }

    /// <summary>No longer the fid's node: breaks don't find it, so the kernel may keep nothing of it. Written by <see cref="NodeTable"/>, never unset.</summary>
    public bool IsDetached { get => Volatile.Read(ref _isDetached); set => Volatile.Write(ref _isDetached, value); }

    /// <summary>Where it is recorded for a successor; zero: nowhere. Owned by <see cref="NodeTable"/>.</summary>
    public int Record { get; set; }

    private bool _isDetached;
}
