using Afs.Fuse;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>A directory, and which of its listings the kernel may have cached.</summary>
internal sealed class DirectoryNode(NodeId id, Fid fid) : Node(id, fid, FileType.Directory)
{
    private readonly Lock _lock = new();
    private DataVersion _listed;
    private uint _listings;

    /// <summary>A handle is about to list this version. True: it is the one that the kernel's cache may hold already.</summary>
    /// <param name="listing">
    /// Counts the versions that were listed. It is a part of offsets, so that entries of two versions never join in the kernel's cache
    /// (fs/fuse/readdir.c adds an entry where its offset follows the last one's).
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
