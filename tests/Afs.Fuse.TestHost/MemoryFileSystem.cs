using System.Text;

namespace Afs.Fuse.TestHost;

/// <summary>
/// A filesystem in memory, with all that a general one has. The kernel may believe its names and attributes for an hour,
/// so that a test sees what a notification changes. One lock guards everything.
/// Names that begin with "throw" make lookups fail with an exception; opening one that begins with "hang" waits until interrupted.
/// </summary>
internal sealed partial class MemoryFileSystem : FuseFileSystem
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<NodeId, MemoryNode> _nodes = [];
    private readonly Dictionary<ulong, (string Name, MemoryNode Node)[]> _openDirectories = [];
    private ulong _lastNode = NodeId.Root.Value;
    private ulong _lastHandle;
    private int _openFiles;

    public MemoryFileSystem()
    {
        var root = new MemoryNode { Id = NodeId.Root };
        root.Attributes = new FuseAttributes { Ino = 1, Mode = MemoryNode.DirectoryType | 0x1FF, LinkCount = 2, BlockSizeBytes = 4096 };
        root.Touch();
        _nodes[root.Id] = root;
    }

    public IFuseNotifier? Notifier { get; private set; }

    public FuseConnectionInfo? Connection { get; private set; }

    /// <summary>Lookups of "stalled" are never answered.</summary>
    public bool IsStalling { get; init; }

    public int Interrupts { get; private set; }

    /// <summary>Lookups that the kernel holds, and files and directories that it has open: all zero when it let go of everything.</summary>
    public (ulong Lookups, int OpenFiles, int OpenDirectories) Held
    {
        get
        {
            lock (_lock)
            {
                return (_nodes.Values.Aggregate(0UL, (sum, node) => sum + node.Lookups), _openFiles, _openDirectories.Count);
            }
        }
    }

    public override void Started(FuseConnectionInfo connection, IFuseNotifier notifier) => (Connection, Notifier) = (connection, notifier);

    /// <summary>Puts another node under a name of the root, behind the kernel's back.</summary>
    public void Replace(string name, string text)
    {
        lock (_lock)
        {
            MemoryNode node = Make(0x8000 | 0x1A4, 0, 0);
            node.Content = Encoding.UTF8.GetBytes(text);
            node.Resize(node.Content.Length);
            _nodes[NodeId.Root].Children[name] = node;
        }
    }

    public override void Forget(NodeId node, ulong lookups)
    {
        lock (_lock)
        {
            if (_nodes.TryGetValue(node, out MemoryNode? found) && found.Id != NodeId.Root)
            {
                found.Lookups = checked(found.Lookups - lookups);
                RemoveIfUnused(found);
            }
        }
    }

    private static string Text(ReadOnlySpan<byte> name) => Encoding.Latin1.GetString(name);

    private static FuseResult<AttributesReply> Reply(MemoryNode node) => new AttributesReply { Attributes = node.Attributes, AttributeTimeout = Hour };

    private static EntryReply Enter(MemoryNode node)
    {
        node.Lookups++;
        return new EntryReply { Node = node.Id, Attributes = node.Attributes, EntryTimeout = Hour, AttributeTimeout = Hour };
    }

    private MemoryNode Make(uint mode, uint uid, uint gid)
    {
        var node = new MemoryNode { Id = new NodeId(++_lastNode) };
        node.Attributes = new FuseAttributes
        {
            Ino = _lastNode,
            Mode = mode,
            Uid = uid,
            Gid = gid,
            LinkCount = (mode & MemoryNode.TypeMask) == MemoryNode.DirectoryType ? 2u : 1u,
            BlockSizeBytes = 4096,
        };
        node.Touch();
        node.Attributes.AccessTime = node.Attributes.ModifyTime;
        _nodes[node.Id] = node;
        return node;
    }

    private void RemoveIfUnused(MemoryNode node)
    {
        if (node.Lookups == 0 && node.Attributes.LinkCount == 0)
        {
            _nodes.Remove(node.Id);
        }
    }

    /// <summary>Makes a node with what <paramref name="fill"/> adds to it, and its name.</summary>
    private FuseResult<EntryReply> Add(NodeId parent, ReadOnlySpan<byte> name, uint mode, in FuseRequest request, Action<MemoryNode>? fill = null)
    {
        if (!_nodes.TryGetValue(parent, out MemoryNode? folder))
        {
            return Errno.ESTALE;
        }

        MemoryNode node = Make(mode, request.Uid, request.Gid);
        if (!folder.Children.TryAdd(Text(name), node))
        {
            _nodes.Remove(node.Id);
            return Errno.EEXIST;
        }

        fill?.Invoke(node);
        folder.Attributes.LinkCount += node.IsDirectory ? 1u : 0u;
        folder.Touch();
        return Enter(node);
    }
}
