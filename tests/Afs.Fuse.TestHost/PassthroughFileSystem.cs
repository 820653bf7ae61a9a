using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.TestHost;

/// <summary>One directory whose files are those of a folder on disk, with their content by passthrough. One lock guards everything.</summary>
internal sealed class PassthroughFileSystem(string folder) : FuseFileSystem
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, NodeId> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<NodeId, string> _paths = [];
    private readonly Dictionary<NodeId, BackingId> _backings = [];
    private IFuseNotifier? _notifier;

    public override void Started(FuseConnectionInfo connection, IFuseNotifier notifier) => _notifier = notifier;

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name)
    {
        lock (_lock)
        {
            string path = Path.Combine(folder, Encoding.UTF8.GetString(name));
            return File.Exists(path) ? new(Enter(path)) : Refuse<EntryReply>(Errno.ENOENT);
        }
    }

    public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle)
    {
        lock (_lock)
        {
            return new(new AttributesReply { Attributes = AttributesOf(node) });
        }
    }

    public override ValueTask<FuseResult<AttributesReply>> SetAttributes(in FuseRequest request, NodeId node, in SetAttributesRequest set)
    {
        lock (_lock)
        {
            if ((set.Mask & SetAttributesMask.Size) != 0)
            {
                using SafeFileHandle file = File.OpenHandle(_paths[node], FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                RandomAccess.SetLength(file, (long)set.SizeBytes);
            }

            return new(new AttributesReply { Attributes = AttributesOf(node) });
        }
    }

    public override ValueTask<FuseResult<OpenReply>> Open(in FuseRequest request, NodeId node, int openFlags, bool killSuidGid)
    {
        lock (_lock)
        {
            return new(OpenThrough(node));
        }
    }

    public override ValueTask<FuseResult<CreateReply>> Create(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask, int openFlags)
    {
        lock (_lock)
        {
            string path = Path.Combine(folder, Encoding.UTF8.GetString(name));
            File.WriteAllBytes(path, []);
            EntryReply entry = Enter(path);
            FuseResult<OpenReply> open = OpenThrough(entry.Node);
            return open.IsSuccess ? new(new CreateReply { Entry = entry, Open = open.Value }) : Refuse<CreateReply>(open.Error);
        }
    }

    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags) => new(default(OpenReply));

    /// <summary>Names are found, but not listed.</summary>
    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler) => Errno.None;

    private FuseResult<OpenReply> OpenThrough(NodeId node)
    {
        if (!_backings.TryGetValue(node, out BackingId backing))
        {
            using SafeFileHandle file = File.OpenHandle(_paths[node], FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            FuseResult<BackingId> opened = _notifier!.OpenBacking((int)file.DangerousGetHandle());
            if (!opened.IsSuccess)
            {
                return opened.Error;
            }

            backing = opened.Value;
            _backings[node] = backing;
        }

        return new OpenReply { Flags = OpenReplyFlags.Passthrough, Backing = backing };
    }

    private EntryReply Enter(string path)
    {
        if (!_names.TryGetValue(path, out NodeId node))
        {
            node = new NodeId((ulong)_names.Count + 2);
            _names[path] = node;
            _paths[node] = path;
        }

        return new EntryReply { Node = node, Attributes = AttributesOf(node) };
    }

    private FuseAttributes AttributesOf(NodeId node) => node == NodeId.Root
        ? new FuseAttributes { Ino = 1, Mode = MemoryNode.DirectoryType | 0x1FF, LinkCount = 2 }
        : new FuseAttributes { Ino = node.Value, Mode = 0x8000 | 0x1B6, LinkCount = 1, SizeBytes = (ulong)new FileInfo(_paths[node]).Length };
}
