using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>At start: from the index to the table, and files without a row away. Promises are none: all is suspect.</summary>
internal sealed partial class IndexLoader(
    IContainerFiles files, IContainerIndex index, ContainerTable table, ContainerFactory factory, HeldContainers held, bool wasCleanEnd, ILogger log)
{
    public void Load()
    {
        IReadOnlyList<ContainerRecord> records = index.Load();
        HashSet<ContainerId> present = [.. files.List()];
        ulong last = 0;
        // Of two rows of one fid the later one is the current; the earlier one was open at the end.
        foreach (ContainerRecord record in records.OrderBy(static r => r.Id.Value))
        {
            last = Math.Max(last, record.Id.Value);
            if (present.Remove(record.Id))
                Restore(record);
            else
                DropMissing(record);
        }
        foreach (ContainerId orphan in present)
        {
            last = Math.Max(last, orphan.Value);
            if (held.Wants(orphan))
                held.KeepUnlisted(orphan);
            else
                files.Delete(orphan);
        }
        table.StartIdsAfter(new ContainerId(last));
        LogLoaded(table.Count, present.Count);
    }

    private void Restore(ContainerRecord record)
    {
        Container container = factory.Restore(record, wasCleanEnd);
        held.Keep(container);
        table.Restore(container);
    }

    private void DropMissing(ContainerRecord record)
    {
        if (record.State != ContainerState.Clean)
            LogLost(record.Fid);
        index.DeleteLater(record.Id);
    }

    [LoggerMessage(EventId = 260, Level = LogLevel.Information, Message = "{Count} containers are cached; {Orphans} unfinished ones were deleted")]
    private partial void LogLoaded(int count, int orphans);

    [LoggerMessage(EventId = 261, Level = LogLevel.Error, Message = "{Fid} was left unstored, and its container file is missing")]
    private partial void LogLost(Afs.Wire.Fid fid);
}
