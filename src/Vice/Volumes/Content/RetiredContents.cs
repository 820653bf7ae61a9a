using System.Collections.Concurrent;
using Afs.Platform;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Contents that nothing refers to any more, on their way off the disk. Deleting a large file takes long, so it is done one after the
/// other where it blocks nobody. Whatever isn't deleted is found at the next start.
/// </summary>
public sealed partial class RetiredContents(ContentStore store, IBlockingWork work, ILogger log)
{
    private readonly ConcurrentQueue<ObjectId> _waiting = new();
    private int _isDraining;

    /// <summary>Those that still wait.</summary>
    public int Count => _waiting.Count;

    public void Add(IReadOnlyList<ObjectId> objects)
    {
        if (objects.Count == 0)
            return;
        foreach (ObjectId id in objects)
            _waiting.Enqueue(id);
        if (Interlocked.Exchange(ref _isDraining, 1) == 0)
            _ = DrainAsync();
    }

    private async Task DrainAsync()
    {
        do
        {
            while (_waiting.TryDequeue(out ObjectId id))
                await work.RunAsync(() => Delete(id));
            Volatile.Write(ref _isDraining, 0);
        }
        while (!_waiting.IsEmpty && Interlocked.Exchange(ref _isDraining, 1) == 0);
    }

    private bool Delete(ObjectId id)
    {
        try
        {
            return store.Delete(id);
        }
        catch (DiskException e)
        {
            LogLeft(log, e.Message);
            return false;
        }
    }

    [LoggerMessage(EventId = 2003, Level = LogLevel.Warning, Message = "A replaced content stays until the next start: {Reason}")]
    private static partial void LogLeft(ILogger log, string reason);
}
