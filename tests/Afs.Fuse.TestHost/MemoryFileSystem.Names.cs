namespace Afs.Fuse.TestHost;

internal sealed partial class MemoryFileSystem
{
    private const uint RenameNoReplace = 1;
    private const uint RenameExchange = 2;

    public override ValueTask<FuseResult<EntryReply>> Lookup(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name)
    {
        if (name.StartsWith("throw"u8))
        {
            throw new InvalidOperationException("thrown on purpose");
        }

        if (IsStalling && name.SequenceEqual("stalled"u8))
        {
            return new(new TaskCompletionSource<FuseResult<EntryReply>>().Task);
        }

        lock (_lock)
        {
            return _nodes[parent].Children.TryGetValue(Text(name), out MemoryNode? node)
                ? new(Enter(node))
                : new(new EntryReply { EntryTimeout = Hour });
        }
    }

    public override ValueTask<FuseResult<EntryReply>> MakeNode(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint deviceNumber, uint umask)
    {
        lock (_lock)
        {
            return new(Add(parent, name, mode & ~umask, request, node => node.Attributes.DeviceNumber = deviceNumber));
        }
    }

    public override ValueTask<FuseResult<EntryReply>> MakeDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, uint mode, uint umask)
    {
        lock (_lock)
        {
            return new(Add(parent, name, MemoryNode.DirectoryType | (mode & ~umask & 0xFFF), request));
        }
    }

    public override ValueTask<FuseResult<EntryReply>> SymLink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        byte[] content = target.ToArray();
        lock (_lock)
        {
            return new(Add(parent, name, MemoryNode.LinkType | 0x1FF, request, node =>
            {
                node.Content = content;
                node.Resize(content.Length);
            }));
        }
    }

    public override ValueTask<FuseResult<EntryReply>> Link(in FuseRequest request, NodeId node, NodeId newParent, ReadOnlySpan<byte> newName)
    {
        lock (_lock)
        {
            MemoryNode found = _nodes[node];
            if (!_nodes[newParent].Children.TryAdd(Text(newName), found))
            {
                return Refuse<EntryReply>(Errno.EEXIST);
            }

            found.Attributes.LinkCount++;
            found.Touch();
            return new(Enter(found));
        }
    }

    public override ValueTask<Errno> Unlink(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name)
    {
        lock (_lock)
        {
            if (!_nodes[parent].Children.Remove(Text(name), out MemoryNode? node))
            {
                return new(Errno.ENOENT);
            }

            Drop(node);
            _nodes[parent].Touch();
            return new(Errno.None);
        }
    }

    public override ValueTask<Errno> RemoveDirectory(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name)
    {
        lock (_lock)
        {
            MemoryNode folder = _nodes[parent];
            if (!folder.Children.TryGetValue(Text(name), out MemoryNode? node))
            {
                return new(Errno.ENOENT);
            }

            if (node.Children.Count > 0)
            {
                return new(Errno.ENOTEMPTY);
            }

            folder.Children.Remove(Text(name));
            folder.Attributes.LinkCount--;
            Drop(node);
            return new(Errno.None);
        }
    }

    public override ValueTask<Errno> Rename(in FuseRequest request, NodeId parent, ReadOnlySpan<byte> name, NodeId newParent, ReadOnlySpan<byte> newName, uint flags)
    {
        lock (_lock)
        {
            Dictionary<string, MemoryNode> from = _nodes[parent].Children;
            Dictionary<string, MemoryNode> to = _nodes[newParent].Children;
            if (!from.TryGetValue(Text(name), out MemoryNode? moved))
            {
                return new(Errno.ENOENT);
            }

            bool exists = to.TryGetValue(Text(newName), out MemoryNode? target);
            if (flags == RenameExchange)
            {
                from[Text(name)] = target!;
                to[Text(newName)] = moved;
                return new(Errno.None);
            }

            if (exists && (flags & RenameNoReplace) != 0)
            {
                return new(Errno.EEXIST);
            }

            from.Remove(Text(name));
            to[Text(newName)] = moved;
            if (target is not null)
            {
                Drop(target);
            }

            return new(Errno.None);
        }
    }

    private void Drop(MemoryNode node)
    {
        node.Attributes.LinkCount -= node.IsDirectory ? 2u : 1u;
        node.Touch();
        RemoveIfUnused(node);
    }
}
