using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// Which NodeId stands for which fid. One node of each fid is current: LOOKUP gives it. A regular file's node that is open at an old
/// version is detached: it lives on for its descriptors, and the fid's next LOOKUP makes a new one.
///
/// INVARIANT: NodeIds are never used twice in a mount.
/// INVARIANT: every node but the root has lookups; it goes with the last, so that the kernel bounds this table.
/// INVARIANT: every node retains its fid in the status cache exactly once.
/// </summary>
internal sealed class NodeTable
{
    /// <summary>A leaf: nothing is called under it.</summary>
    private readonly Lock _lock = new();
    private readonly Dictionary<NodeId, Node> _nodes = [];
    private readonly Dictionary<Fid, Node> _current = [];
    private readonly IStatusCache _statuses;
    private ulong _lastId = NodeId.Root.Value;

    public NodeTable(Fid root, IStatusCache statuses)
    {
        _statuses = statuses;
        Node node = new DirectoryNode(NodeId.Root, root) { Lookups = 1 };
        _nodes.Add(node.Id, node);
        _current.Add(root, node);
        statuses.Retain(root);
    }

    public int Count
    {
        get
        {
            lock (_lock)
                return _nodes.Count;
        }
    }

    public Node? Find(NodeId id)
    {
        lock (_lock)
            return _nodes.GetValueOrDefault(id);
    }

    /// <summary>The current node of a fid, if the kernel knows one.</summary>
    public Node? FindCurrent(Fid fid)
    {
        lock (_lock)
            return _current.GetValueOrDefault(fid);
    }

    /// <summary>
    /// The current node of a fid with one more lookup, made where there is none. Must come before the status is read that goes with it
    /// to the kernel: a break from then on finds the node and takes those attributes back.
    /// </summary>
    public Node Acquire(Fid fid, FileType type)
    {
        Node? node;
        lock (_lock)
        {
            if (_current.TryGetValue(fid, out node))
            {
                node.Lookups++;
                return node;
            }

            var id = new NodeId(++_lastId);
            node = type switch
            {
                FileType.Regular => new FileNode(id, fid),
                FileType.Directory => new DirectoryNode(id, fid),
                _ => new Node(id, fid, type),
            };
            node.Lookups = 1;
            _nodes.Add(id, node);
            _current.Add(fid, node);
        }

        _statuses.Retain(fid);
        return node;
    }

    /// <summary>From here on the fid's next <see cref="Acquire"/> makes a new node.</summary>
    public void Detach(FileNode node)
    {
        lock (_lock)
        {
            node.IsDetached = true;
            if (_current.GetValueOrDefault(node.Fid) == node)
                _current.Remove(node.Fid);
        }
    }

    /// <summary>The node, where these were its last lookups and it is gone; else null.</summary>
    public Node? Forget(NodeId id, ulong lookups)
    {
        Node? node;
        lock (_lock)
        {
            // The kernel keeps the root without a lookup.
            if (id == NodeId.Root || !_nodes.TryGetValue(id, out node))
                return null;
            node.Lookups -= Math.Min(lookups, node.Lookups);
            if (node.Lookups > 0)
                return null;
            _nodes.Remove(id);
            if (_current.GetValueOrDefault(node.Fid) == node)
                _current.Remove(node.Fid);
        }

        _statuses.Release(node.Fid);
        return node;
    }

    /// <summary>Every node that the kernel may know.</summary>
    public Node[] Snapshot()
    {
        lock (_lock)
            return [.. _nodes.Values];
    }
}
