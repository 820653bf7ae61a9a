using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>LINK: one more name, in the node of the header, for a node.</summary>
internal readonly ref struct LinkRequest(NodeId node, ReadOnlySpan<byte> newName)
{
    public NodeId Node { get; } = node;

    public ReadOnlySpan<byte> NewName { get; } = newName;

    public static Errno Parse(ReadOnlySpan<byte> body, out LinkRequest request)
    {
        var reader = new FrameReader(body);
        request = default;
        if (!reader.TryTake(out FuseLinkIn raw))
        {
            return Errno.EINVAL;
        }

        Errno error = reader.TakeName(out ReadOnlySpan<byte> name);
        request = new LinkRequest(new NodeId(raw.OldNodeId), name);
        return error;
    }
}
