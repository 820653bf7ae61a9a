using Afs.Fuse.Abi;

namespace Afs.Fuse.Protocol;

/// <summary>
/// Walks the nodes that a READDIRPLUS reply introduced. Each is one lookup that the filesystem counts; a reply that never
/// reached the kernel has to give them back.
/// </summary>
internal ref struct DirectoryEntryReader(ReadOnlySpan<byte> payload)
{
    private FrameReader _reader = new(payload);

    /// <summary>The next node other than zero; false at the end.</summary>
    public bool TryNext(out NodeId node)
    {
        while (_reader.TryTake(out FuseEntryOut entry) && _reader.TryTake(out FuseDirent dirent))
        {
            if (!_reader.TryTakeBytes((dirent.NameBytes + 7) & ~7u, out _))
            {
                break;
            }

            if (entry.NodeId != 0)
            {
                node = new NodeId(entry.NodeId);
                return true;
            }
        }

        node = default;
        return false;
    }
}
