using Afs.Wire;

namespace Afs.Vice.Volumes.Directories;

/// <summary>How a directory's own status follows its entries.</summary>
internal static class DirectoryRules
{
    /// <summary>What an entry adds to its directory's length, beside its name.</summary>
    private const int EntryOverheadBytes = 24;

    public const uint EmptyLinkCount = 2;

    /// <summary>The directory with its times set and its length and subdirectories counted.</summary>
    public static FetchStatus Touched(FetchStatus directory, Timestamp time, int nameBytesAdded = 0, int entriesAdded = 0, int subdirectoriesAdded = 0)
    {
        long length = Math.Max(0, directory.LengthBytes + nameBytesAdded + (long)EntryOverheadBytes * entriesAdded);
        return directory with
        {
            ModifyTime = time,
            ChangeTime = time,
            LengthBytes = length,
            AllocatedBytes = length,
            LinkCount = checked((uint)(directory.LinkCount + subdirectoriesAdded)),
        };
    }

    public static int Subdirectories(FetchStatus vnode) => vnode.Type == FileType.Directory ? 1 : 0;
}
