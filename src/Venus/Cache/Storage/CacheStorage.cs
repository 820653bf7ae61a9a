using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>Where a cache lives. A simulation has its own container files and index.</summary>
/// <param name="BootId">Tells one boot of the machine from another.</param>
/// <param name="WasCleanEnd">The last daemon on this cache ended by itself, with all it knew in the index.</param>
internal sealed record CacheStorage(IDisk Disk, IContainerFiles Files, IContainerIndex Index, string BootId, bool WasCleanEnd)
{
    /// <summary>Null: statuses and names end with the daemon.</summary>
    public ISavedVnodes? Vnodes { get; init; }

    /// <summary>Containers that the kernel has open, by a daemon before this one.</summary>
    public IReadOnlyList<HeldContainer> Held { get; init; } = [];

    /// <summary>Where long work on container files is done. A simulation does it at once.</summary>
    public IBlockingWork Work { get; init; } = new InlineWork();
}
