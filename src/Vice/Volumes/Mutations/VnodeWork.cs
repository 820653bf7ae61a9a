using Afs.Wire;

namespace Afs.Vice.Volumes.Mutations;

/// <summary>A vnode while a mutation works on it.</summary>
internal sealed class VnodeWork
{
    public required FetchStatus Status { get; set; }

    /// <summary>Something but the versions differs from what is stored.</summary>
    public bool IsChanged { get; set; }

    /// <summary>The change is one of content or entries: the data version rises too.</summary>
    public bool IsDataChanged { get; set; }

    public bool IsNew { get; init; }

    public bool IsDeleted { get; set; }

    public List<byte[]>? Names { get; set; }
}
