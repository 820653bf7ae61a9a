using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What the end of a use leads to: one more store, a deletion, the release of a file without a name.</summary>
internal sealed class ContentUses(ContainerTable table, WrittenContainers written)
{
    /// <summary>The last use of a file that was removed, or never had a name, ended.</summary>
    public Action<Fid>? LastUseEnded { get; set; }

    public void Ended(Container container, bool wasWriting)
    {
        if (wasWriting)
            written.Add(container);
        bool isRemoved = container.IsRemovedHere;
        Unpinned after = container.Unpin(wasWriting);
        if (after.IsToDelete)
            table.Delete(container);
        if (after.WasLast && isRemoved)
            LastUseEnded?.Invoke(container.Fid);
    }
}
