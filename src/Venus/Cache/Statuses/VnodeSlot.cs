using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>One cached vnode. A value in its shard's array, guarded by the shard's lock.</summary>
internal struct VnodeSlot
{
    public Fid Fid;

    /// <summary>Null: nothing is known, but the slot is retained or a mutation is on its way.</summary>
    public FetchStatus? Status;

    /// <summary>The generation of trust in which the promise holds; zero for none.</summary>
    public uint Promised;

    /// <summary>How often <see cref="IStatusCache.Retain"/> was called without a release.</summary>
    public int Retained;

    /// <summary>Set by use, cleared by the eviction's clock hand.</summary>
    public bool Used;

    /// <summary>The vnode is gone, removed through this client; the last status stays while the slot is retained.</summary>
    public bool IsRemoved;

    /// <summary>Mutations of this client on their way; null for none.</summary>
    public ChangesUnderWay? Changes;

    /// <summary>A row of it is saved for the next start, maybe an older one.</summary>
    public bool IsSaved;

    /// <summary>The status changed since it was last taken to be saved.</summary>
    public bool IsUnsaved;

    public readonly bool IsInUse => Fid != default;

    public readonly bool MayEvict => Retained == 0 && Changes is null;
}
