namespace Afs.Fuse.TestHost;

internal sealed partial class MemoryFileSystem
{
    private const uint XattrCreate = 1;
    private const uint XattrReplace = 2;

    public override ValueTask<FuseResult<AttributesReply>> GetAttributes(in FuseRequest request, NodeId node, FileHandle? handle)
    {
        lock (_lock)
        {
            return _nodes.TryGetValue(node, out MemoryNode? found) ? new(Reply(found)) : Refuse<AttributesReply>(Errno.ESTALE);
        }
    }

    public override ValueTask<FuseResult<AttributesReply>> SetAttributes(in FuseRequest request, NodeId node, in SetAttributesRequest set)
    {
        lock (_lock)
        {
            MemoryNode found = _nodes[node];
            if (Sets(set, SetAttributesMask.Size))
            {
                found.Resize((long)set.SizeBytes);
                found.Touch();
            }

            ref FuseAttributes attributes = ref found.Attributes;
            attributes.Mode = Sets(set, SetAttributesMask.Mode) ? (attributes.Mode & MemoryNode.TypeMask) | (set.Mode & 0xFFF) : attributes.Mode;
            attributes.Uid = Sets(set, SetAttributesMask.Uid) ? set.Uid : attributes.Uid;
            attributes.Gid = Sets(set, SetAttributesMask.Gid) ? set.Gid : attributes.Gid;
            attributes.AccessTime = Sets(set, SetAttributesMask.AccessTime) ? set.AccessTime : attributes.AccessTime;
            attributes.ModifyTime = Sets(set, SetAttributesMask.ModifyTime) ? set.ModifyTime : attributes.ModifyTime;
            if (set.Mask == SetAttributesMask.None || Sets(set, SetAttributesMask.KillSuidGid))
            {
                attributes.Mode &= ~0xC00u;
            }

            return new(Reply(found));
        }
    }

    /// <summary>Not Enum.HasFlag, which allocates in code that isn't optimised.</summary>
    private static bool Sets(in SetAttributesRequest set, SetAttributesMask field) => (set.Mask & field) != 0;

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLink(in FuseRequest request, NodeId node)
    {
        lock (_lock)
        {
            return new((ReadOnlyMemory<byte>)_nodes[node].Content);
        }
    }

    public override ValueTask<FuseResult<StatFsReply>> StatFs(in FuseRequest request, NodeId node) =>
        new(new StatFsReply { Blocks = 1000, BlocksFree = 900, BlocksAvailable = 800, Files = 700, FilesFree = 600, BlockSizeBytes = 4096, FragmentSizeBytes = 4096, NameMaxBytes = 255 });

    public override ValueTask<Errno> SetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, uint flags, bool killSgid)
    {
        lock (_lock)
        {
            Dictionary<string, byte[]> xattrs = _nodes[node].Xattrs;
            bool exists = xattrs.ContainsKey(Text(name));
            if ((flags & XattrCreate) != 0 && exists)
            {
                return new(Errno.EEXIST);
            }

            if ((flags & XattrReplace) != 0 && !exists)
            {
                return new(Errno.ENODATA);
            }

            xattrs[Text(name)] = value.ToArray();
            return new(Errno.None);
        }
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name)
    {
        lock (_lock)
        {
            return _nodes[node].Xattrs.TryGetValue(Text(name), out byte[]? value)
                ? new((ReadOnlyMemory<byte>)value)
                : Refuse<ReadOnlyMemory<byte>>(Errno.ENODATA);
        }
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListXattr(in FuseRequest request, NodeId node)
    {
        lock (_lock)
        {
            string all = string.Concat(_nodes[node].Xattrs.Keys.Select(name => name + "\0"));
            return new((ReadOnlyMemory<byte>)System.Text.Encoding.Latin1.GetBytes(all));
        }
    }

    public override ValueTask<Errno> RemoveXattr(in FuseRequest request, NodeId node, ReadOnlySpan<byte> name)
    {
        lock (_lock)
        {
            return new(_nodes[node].Xattrs.Remove(Text(name)) ? Errno.None : Errno.ENODATA);
        }
    }
}
