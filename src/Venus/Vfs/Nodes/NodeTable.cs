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

    /// <summary>Few: files that are open at an old version.</summary>
    private readonly HashSet<Node> _detached = [];
    private readonly IStatusCache _statuses;
    private readonly NodeRecords _records;
    private ulong _lastId = NodeId.Root.Value;

    public NodeTable(Fid root, IStatusCache statuses, NodeRecords records)
    {
        (_statuses, _records) = (statuses, records);
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
                _records.Counted(node);
                return node;
            }

            var id = new NodeId(++_lastId);
            node = Make(id, fid, type);
            node.Lookups = 1;
            _records.Add(node);
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
            if (_nodes.ContainsKey(node.Id))
                _detached.Add(node);
            _records.Detached(node);
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
            _records.Counted(node);
            if (node.Lookups > 0)
                return null;
            _nodes.Remove(id);
            _detached.Remove(node);
            _records.Remove(node);
            if (_current.GetValueOrDefault(node.Fid) == node)
                _current.Remove(node.Fid);
        }

        _statuses.Release(node.Fid);
        return node;
    }

    /// <summary>The vnode lost its last name through this client, with this as its last status.</summary>
    public void NoteRemoved(FetchStatus last)
    {
        lock (_lock)
        {
            if (_current.TryGetValue(last.Fid, out Node? current))
                _records.Removed(current, last);
            foreach (Node node in _detached)
            {
                if (node.Fid == last.Fid)
                    _records.Removed(node, last);
            }
        }
    }

    /// <summary>The nodes of a predecessor, by its records. Once, before the first operation.</summary>
    public IReadOnlyList<(Node Node, NodeRecord Record)> TakeOver()
    {
        var taken = new List<(Node, NodeRecord)>();
        lock (_lock)
        {
            foreach ((int index, NodeRecord record) in _records.TakeOver(out ulong last))
            {
                Node node = Make(new NodeId(record.Node), new Fid(new VolumeId(record.Volume), new VnodeNumber(record.Vnode), new Uniquifier(record.Uniquifier)), (FileType)record.Type);
                (node.Lookups, node.IsDetached, node.Record) = (record.Lookups, record.IsDetached != 0, index);
                _nodes.Add(node.Id, node);
                if (node.IsDetached)
                    _detached.Add(node);
                else
                    _current[node.Fid] = node;
                last = Math.Max(last, record.Node);
                taken.Add((node, record));
                _lastId = Math.Max(_lastId, last);
            }
        }

        foreach ((Node node, _) in taken)
            _statuses.Retain(node.Fid);
        return taken;
    }

    private static Node Make(NodeId id, Fid fid, FileType type) => type switch
    {
        FileType.Regular => new FileNode(id, fid),
        FileType.Directory => new DirectoryNode(id, fid),
        _ => new Node(id, fid, type),
    };

    /// <summary>Every node that the kernel may know.</summary>
    public Node[] Snapshot()
    {
        lock (_lock)
            return [.. _nodes.Values];
    }
}
