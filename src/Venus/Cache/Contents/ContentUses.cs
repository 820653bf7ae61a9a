namespace Afs.Venus.Cache;

/// <summary>The end of a use by a process: what it may have written is looked after.</summary>
internal sealed class ContentUses(ContainerTable table, WrittenContainers written)
{
    public void Ended(Container container, bool wasWriting)
    {
        if (wasWriting)
            written.Add(container);
        table.Unpin(container, wasWriting);
    }
}
