using Afs.Fuse;

namespace Afs.Venus.Vfs;

/// <summary>One open directory: the listing that it reads, taken at open and again when it is rewound.</summary>
internal sealed class OpenDirectory(DirectoryNode node, RequestId request)
{
    private volatile ListingSnapshot? _snapshot;

    public DirectoryNode Node { get; } = node;

    /// <summary>The request that opened it.</summary>
    public RequestId Request { get; } = request;

    /// <summary>Null where it was opened by a predecessor, and not read since.</summary>
    public ListingSnapshot? Snapshot { get => _snapshot; set => _snapshot = value; }

    /// <summary>The listing was taken and nothing read from it: the first read needs no other.</summary>
    public bool IsFresh { get; set; }

    /// <summary>The kernel's cached listing, if it has one, is of this version.</summary>
    public bool KernelHasIt { get; set; }
}
