using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Metadata.Memory;

/// <summary>One committed state, immutable, so that a view is a reference and a commit is one assignment.</summary>
internal sealed record MemoryState
{
    public static readonly MemoryState Empty = new();

    public ServerRecord Server { get; init; } = new(new Epoch(0), new SessionId(0));
    public SortedMap<uint, VolumeRecord> Volumes { get; init; } = SortedMap<uint, VolumeRecord>.Empty;
    public SortedMap<VnodeKey, FetchStatus> Vnodes { get; init; } = SortedMap<VnodeKey, FetchStatus>.Empty;
    public SortedMap<NameKey, EntryRecord> Entries { get; init; } = SortedMap<NameKey, EntryRecord>.Empty;
    public SortedMap<NameKey, byte[]> Xattrs { get; init; } = SortedMap<NameKey, byte[]>.Empty;
    public SortedMap<VnodeKey, ContentRecord> Contents { get; init; } = SortedMap<VnodeKey, ContentRecord>.Empty;
    public SortedMap<KeptKey, KeptVersion> Kept { get; init; } = SortedMap<KeptKey, KeptVersion>.Empty;
    public SortedMap<VnodeKey, (Fid Fid, SessionId Session)> Unnamed { get; init; } = SortedMap<VnodeKey, (Fid, SessionId)>.Empty;
    public SortedMap<ulong, SessionRecord> Sessions { get; init; } = SortedMap<ulong, SessionRecord>.Empty;
    public SortedMap<ReplyKey, StoredReply> Replies { get; init; } = SortedMap<ReplyKey, StoredReply>.Empty;
}
