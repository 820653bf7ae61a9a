using System.Collections.Concurrent;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Metadata;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Volumes.Content;

/// <summary>
/// Contents that a commit took from a row, on their way off the disk. Any number of rows may name one content (<see cref="IMetadataView.IsNamed"/>): it goes when none does, which is
/// asked here, of a view that is newer than the commit. INVARIANT: what no row names, none will name again, for a row gets a content from another row, or from an upload that nobody
/// had. So of the commits that take a content from its last rows, the last one at least finds that it is to go. Deleting a large file takes long, so it is done one after
/// the other where it blocks nobody. Whatever isn't deleted is found at the next start (<see cref="OrphanSweep"/>).
/// </summary>
/// <param name="work">Where the metadata may be waited for.</param>
public sealed partial class RetiredContents(IMetadataStore metadata, IContentStore store, IBlockingWork work, ILogger log)
{
    /// <summary>Asked for in one view.</summary>
    private const int MostAtOnce = 64;

    private readonly ConcurrentQueue<ObjectId> _waiting = new();
    private int _isDraining, _count;

    /// <summary>Those that are not settled yet.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The commit that took them from a row is on stable storage.</summary>
    public void Add(IReadOnlyList<ObjectId> objects)
    {
        if (objects.Count == 0)
            return;
        Interlocked.Add(ref _count, objects.Count);
        foreach (ObjectId id in objects)
            _waiting.Enqueue(id);
        if (Interlocked.Exchange(ref _isDraining, 1) == 0)
            BackgroundWork.Start("deleting replaced contents", DrainAsync, LeaveRest);
    }

    private async Task DrainAsync()
    {
        do
        {
            while (Take() is { Count: > 0 } some)
                await SettleAsync(some);
            Volatile.Write(ref _isDraining, 0);
        }
        while (!_waiting.IsEmpty && Interlocked.Exchange(ref _isDraining, 1) == 0);
    }

    private List<ObjectId> Take()
    {
        List<ObjectId> some = [];
        while (some.Count < MostAtOnce && _waiting.TryDequeue(out ObjectId id))
            some.Add(id);
        return some;
    }

    private async Task SettleAsync(List<ObjectId> some)
    {
        try
        {
            foreach (ObjectId id in await work.RunAsync(() => Unnamed(some)))
                await DeleteAsync(id);
        }
        catch (StorageException e)
        {
            LogLeft(log, e.Message);
        }
        finally
        {
            Interlocked.Add(ref _count, -some.Count);
        }
    }

    /// <summary>What isn't deleted is found at the next start; what is added from here on is tried again.</summary>
    private void LeaveRest(string name, Exception e)
    {
        LogLeft(log, e.Message);
        Volatile.Write(ref _isDraining, 0);
    }

    private List<ObjectId> Unnamed(List<ObjectId> some)
    {
        using IMetadataView view = metadata.OpenView();
        return [.. some.Where(id => !view.IsNamed(id))];
    }

    private async Task DeleteAsync(ObjectId id)
    {
        try
        {
            await store.DeleteAsync(id, CancellationToken.None);
        }
        catch (DiskException e)
        {
            LogLeft(log, e.Message);
        }
    }

    [LoggerMessage(EventId = 2003, Level = LogLevel.Warning, Message = "A replaced content stays until the next start: {Reason}")]
    private static partial void LogLeft(ILogger log, string reason);
}

/// <summary>Deletes contents that an earlier life of the server left and that no row names. Runs while the server serves.</summary>
/// <param name="work">Where the metadata may be waited for.</param>
public sealed class OrphanSweep(IMetadataStore metadata, IContentStore store, Epoch epoch, IBlockingWork work)
{
    /// <summary>How many were deleted.</summary>
    /// <exception cref="DiskException">The store failed; the rest is found at the next start.</exception>
    /// <exception cref="StorageException">The metadata did; as before.</exception>
    public async Task<int> RunAsync(CancellationToken cancellation)
    {
        HashSet<ObjectId> named = await work.RunAsync(ReadNamed);
        int deleted = 0;
        await foreach (IReadOnlyList<ObjectId> some in store.ListAsync(cancellation))
        {
            foreach (ObjectId id in some)
            {
                // What this life made may be about to be named; it takes care of that itself.
                if (id.Epoch.Value < epoch.Value && !named.Contains(id) && await store.DeleteAsync(id, cancellation))
                    deleted++;
            }
        }
        return deleted;
    }

    private HashSet<ObjectId> ReadNamed()
    {
        using IMetadataView view = metadata.OpenView();
        return [.. view.ReadObjects()];
    }
}
