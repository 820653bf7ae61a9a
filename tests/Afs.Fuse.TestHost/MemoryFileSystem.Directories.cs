using System.Text;

namespace Afs.Fuse.TestHost;

internal sealed partial class MemoryFileSystem
{
    public override ValueTask<FuseResult<OpenReply>> OpenDirectory(in FuseRequest request, NodeId node, int openFlags)
    {
        lock (_lock)
        {
            MemoryNode folder = _nodes[node];
            (string, MemoryNode)[] entries = [(".", folder), ("..", folder), .. folder.Children.Select(child => (child.Key, child.Value))];
            _openDirectories[++_lastHandle] = entries;
            return new(new OpenReply { Handle = new FileHandle(_lastHandle) });
        }
    }

    public override Errno ReadDirectory(in FuseRequest request, NodeId node, FileHandle handle, ulong offset, scoped ref DirectoryFiller filler)
    {
        lock (_lock)
        {
            (string Name, MemoryNode Node)[] entries = _openDirectories[handle.Value];
            for (int i = (int)offset; i < entries.Length; i++)
            {
                (string name, MemoryNode child) = entries[i];
                bool isDot = name is "." or "..";
                EntryReply entry = filler.IsPlus && !isDot ? Enter(child) : default;
                if (!filler.TryAdd(Encoding.Latin1.GetBytes(name), child.Attributes.Ino, (ulong)i + 1, child.Attributes.Mode, entry))
                {
                    child.Lookups -= entry.Node.Value != 0 ? 1UL : 0;
                    break;
                }
            }

            return Errno.None;
        }
    }

    public override ValueTask<Errno> FsyncDirectory(in FuseRequest request, NodeId node, FileHandle handle, bool dataOnly) => new(Errno.None);

    public override ValueTask<Errno> ReleaseDirectory(in FuseRequest request, NodeId node, FileHandle handle)
    {
        lock (_lock)
        {
            _openDirectories.Remove(handle.Value);
            return new(Errno.None);
        }
    }
}
