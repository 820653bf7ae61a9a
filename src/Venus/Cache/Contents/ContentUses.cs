namespace Afs.Venus.Cache;

/// <summary>The end of a use by a process: what it may have written is looked after.</summary>
internal sealed class ContentUses(ContainerTable table, WrittenContainers written, ClosedContainers closed)
{
    public void Ended(Container container, bool wasWriting)
    {
        if (wasWriting)
            written.Add(container);
        if (table.Unpin(container, wasWriting).IsLeftUnstored)
            closed.Add(container);
    }
}
