using Afs.Venus.Cache;

namespace Afs.Venus.Vfs;

/// <summary>
/// A listing with the offsets that readers go on from. An offset is the count of entries before it, '.' and '..' included, and in its
/// upper half the number of the listing, which is zero for a directory that hasn't changed since the kernel knows it.
/// </summary>
internal sealed record ListingSnapshot(DirectoryListing Listing, uint Number)
{
    public const int DotEntries = 2;

    private const int NumberShift = 32;

    public int Count => Listing.Names.Count + DotEntries;

    public ulong OffsetAfter(int index) => ((ulong)Number << NumberShift) | (uint)(index + 1);

    /// <summary>The entry to go on with. An offset of an older listing of the same handle leads to the same count of entries.</summary>
    public static int IndexAt(ulong offset) => (int)Math.Min(offset & uint.MaxValue, int.MaxValue);
}
