using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Cache;
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

    /// <summary>The fid has another node by now. Breaks don't find this one, so the kernel may keep no attributes of it. Set by <see cref="NodeTable"/>, and never unset.</summary>
    public bool IsDetached { get => Volatile.Read(ref _isDetached); set => Volatile.Write(ref _isDetached, value); }

    /// <summary>The index of its record for a successor; zero: it has none. Owned by <see cref="NodeTable"/>.</summary>
    public int Record { get; set; }

    /// <summary>The names that lead here and that the kernel may use without asking. Owned by <see cref="KernelNames"/>.</summary>
    public Place? Places { get; set; }

    private bool _isDetached;
}

/// <summary>A directory, and which of its listings the kernel may have cached.</summary>
internal sealed class DirectoryNode(NodeId id, Fid fid) : Node(id, fid, FileType.Directory)
{
    private readonly Lock _lock = new();
    private DataVersion _listed;
    private uint _listings;

    /// <summary>Which of its names the kernel may use without asking; null: it never could use any. Owned by <see cref="KernelNames"/>.</summary>
    public GivenNames? Names { get; set; }

    /// <summary>An open directory is about to list this version. True: the kernel may have cached a listing of the same version.</summary>
    /// <param name="listing">
    /// Counts the versions that were listed. It is a part of each offset, so that the kernel never joins entries of two versions in its cache
    /// (fs/fuse/readdir.c adds an entry only if its offset follows the last one's).
    /// </param>
    public bool BeginListing(DataVersion version, out uint listing)
    {
        lock (_lock)
        {
            bool isSame = _listed == version;
            if (!isSame && _listed != DataVersion.None)
                _listings++;
            _listed = version;
            listing = _listings & int.MaxValue;
            return isSame;
        }
    }
}

/// <summary>
/// Which NodeId stands for which fid. Each fid has at most one current node, which LOOKUP answers with. A regular file that is open at an old
/// version is detached: its node lives on for those who have it open, and the next LOOKUP of the fid makes a new one.
///
/// INVARIANT: NodeIds are never used twice in a mount.
/// INVARIANT: every node but the root has lookups, and is removed with the last. So the kernel bounds this table.
/// INVARIANT: every node retains its fid in the status cache exactly once.
/// </summary>
internal sealed class NodeTable
{
    /// <summary>Guards this table and its records. Nothing else is called while it is held.</summary>
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
    /// The current node of a fid, with one more lookup; made if there is none. Must be called before the status is read that goes to the kernel with
    /// it: a break after this call finds the node, and takes those attributes back.
    /// </summary>
    public Node Acquire(Fid fid, FileType type)
    {
        Node? node;
        lock (_lock)
        {
            // The type of a fid never changes. A node of another type came from a damaged record of a predecessor.
            if (_current.TryGetValue(fid, out node) && node.Type == type)
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
            _current[fid] = node;
        }

        _statuses.Retain(fid);
        return node;
    }

    /// <summary>The node is no longer its fid's current one: the next <see cref="Acquire"/> makes a new node.</summary>
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

    /// <summary>Takes lookups back. Returns the node if it is gone, since these were its last; else null.</summary>
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

    /// <summary>This client removed the last name of a vnode. Records its last status.</summary>
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
                    _current.TryAdd(node.Fid, node); // Damaged records may claim two current nodes, or the root's fid: the first one counts.
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

/// <summary>
/// Makes the reply that introduces a fid to the kernel: its node, with one more lookup, and its attributes.
/// The node is in the table before the status is read. So a break either comes before that, and then the status isn't promised; or it finds the
/// node and takes the attributes back, even of a reply that the kernel hasn't read yet.
/// </summary>
internal sealed class EntryResolver(ICacheManager cache, NodeTable nodes, KernelNames names, AttributeReader attributes, KernelLink kernel)
{
    /// <summary>A bound: each node may turn out to be open at an old version, if others keep storing and opening the file meanwhile.</summary>
    private const int MaxDetachments = 8;

    /// <summary>From memory alone. False: no lookup was counted; <see cref="ResolveAsync"/> asks the server.</summary>
    /// <param name="given">The name that leads there, if the promise on its directory holds.</param>
    public bool TryResolve(Fid fid, FileType type, GivenName given, out EntryReply reply)
    {
        for (int attempt = 0; attempt < MaxDetachments; attempt++)
        {
            if (!TryAcquire(fid, type, out Node node, out _))
                break; // ResolveAsync answers with the reason.
            bool isTrusted = names.Link(node, given);
            if (!cache.Statuses.TryGet(fid, out FetchStatus status))
            {
                Forget(node);
                break;
            }

            if (!DetachIfOld(node, status))
            {
                reply = Compose(node, attributes.Compose(node, status, isPromised: true), TimeoutOf(given, isTrusted));
                return true;
            }
        }

        reply = default;
        return false;
    }

    /// <summary>With the server's help where the promise on the status doesn't hold.</summary>
    public async ValueTask<FuseResult<EntryReply>> ResolveAsync(Fid fid, FileType type, GivenName given, OperationContext operation)
    {
        for (int attempt = 0; attempt < MaxDetachments; attempt++)
        {
            if (!TryAcquire(fid, type, out Node node, out Errno error))
                return error;
            bool isTrusted = names.Link(node, given);
            Result<FetchStatus> fetched = await cache.Statuses.GetAsync(fid, operation);
            if (!fetched.IsSuccess)
            {
                Forget(node);
                return fetched.Failure.ToErrno();
            }

            bool isPromised = cache.Statuses.TryGet(fid, out FetchStatus promised);
            FetchStatus status = isPromised ? promised : fetched.Value;
            if (!DetachIfOld(node, status))
                return Compose(node, attributes.Compose(node, status, isPromised), TimeoutOf(given, isTrusted));
        }

        return Errno.ESTALE;
    }

    /// <summary>The reply for a name that a promised directory doesn't have. The kernel may cache that.</summary>
    public EntryReply Absent(GivenName given) => new() { EntryTimeout = TimeoutOf(given, given.IsTrusted) };

    /// <summary>Takes back a lookup that was counted for a reply which isn't sent.</summary>
    public void Forget(Node node) => Forget(node.Id, 1);

    /// <summary>Takes lookups back. With the last one the node is removed, and its registration at the device ends.</summary>
    public void Forget(NodeId id, ulong lookups)
    {
        if (nodes.Forget(id, lookups) is not { } gone)
            return;
        names.Forget(gone);
        if (gone is FileNode file && kernel.Session.Backings is { } backings)
            file.CloseIdleBacking(backings);
    }

    /// <summary>False: a supervised mount has no room on its disk to record another node.</summary>
    private bool TryAcquire(Fid fid, FileType type, out Node node, out Errno error)
    {
        try
        {
            (node, error) = (nodes.Acquire(fid, type), Errno.None);
            return true;
        }
        catch (DiskException e)
        {
            (node, error) = (null!, e.ToErrno());
            return false;
        }
    }

    /// <summary>True: the node is open at an old version. It stays so for those who have it open, and is detached from the fid.</summary>
    private bool DetachIfOld(Node node, FetchStatus status)
    {
        if (node is not FileNode file || !file.IsOpen || !file.Look(status.DataVersion).IsOld)
            return false;
        nodes.Detach(file);
        Forget(file);
        return true;
    }

    /// <summary>How long the kernel may use a name: that is for its directory's volume to say.</summary>
    private TimeSpan TimeoutOf(GivenName given, bool isTrusted) => isTrusted && cache.Statuses.MayBeKept(given.Directory!.Fid) ? kernel.EntryTimeout : TimeSpan.Zero;

    private static EntryReply Compose(Node node, AttributesReply reply, TimeSpan entryTimeout) => new()
    {
        Node = node.Id,
        Attributes = reply.Attributes,
        EntryTimeout = entryTimeout,
        AttributeTimeout = reply.AttributeTimeout,
    };
}

/// <summary>
/// What stat shows as st_ino: the vnode number. It is unique, since a mount shows one volume (<see cref="Cache.NameRules"/> refuses a directory's entries of another volume).
/// </summary>
internal static class InodeNumbers
{
    public static ulong Of(Fid fid) => fid.Vnode.Value;
}
