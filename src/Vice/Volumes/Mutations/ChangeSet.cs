using Afs.Vice.Volumes.Content;
using Afs.Wire;

namespace Afs.Vice.Volumes.Mutations;

/// <summary>What one mutation changed, for whoever acts on it once it is committed. Nothing of it is true before.</summary>
public sealed class ChangeSet
{
    /// <summary>Each vnode that changed or went, once.</summary>
    public List<VnodeChange> Vnodes { get; } = [];

    public List<NameChange> Names { get; } = [];

    /// <summary>Contents that nothing refers to any more.</summary>
    public List<ObjectId> Retired { get; } = [];

    /// <summary>Fids whose statuses the reply carries, so that the caller holds promises on them.</summary>
    public List<Fid> Promised { get; } = [];

    public UnseenReplacement? Unseen { get; set; }

    /// <summary>A content that differs from the version before it in known extents only.</summary>
    public (Fid Fid, ContentChange Change)? ContentChange { get; set; }

    /// <summary>An upload that becomes a file's content with the commit.</summary>
    public StagedUpload? TakenUpload { get; set; }
}
