namespace Afs.Venus.Vfs;

/// <summary>One open directory: the listing that it reads, taken at open and again when it is rewound.</summary>
internal sealed class OpenDirectory(DirectoryNode node)
{
    private volatile ListingSnapshot? _snapshot;

    public DirectoryNode Node { get; } = node;

    public ListingSnapshot? Snapshot { get => _snapshot; set => _snapshot = value; }

    /// <summary>The listing was taken and nothing read from it: the first read needs no other.</summary>
    public bool IsFresh { get; set; }

    /// <summary>The kernel's cached listing, if it has one, is of this version.</summary>
    public bool KernelHasIt { get; set; }
}
