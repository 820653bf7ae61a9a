using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>What people do beside their work: a watch on all that changes, and now and then all files are brought into the cache.</summary>
internal sealed class Browser(SimMount mount, Random random)
{
    private const int MostFiles = 1000;
    private const int MostPauseMs = 6000;

    private static readonly Requester Root = new(0, 0, [], IsOwner: true);

    public async Task RunAsync(Func<bool> isOver)
    {
        using var stop = new CancellationTokenSource();
        Task watching = WatchAsync(stop.Token);
        while (!isOver())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostPauseMs)), mount.Time);
            await FetchAllAsync();
        }
        stop.Cancel();
        await watching;
    }

    private async Task FetchAllAsync()
    {
        CacheManager manager = mount.Manager;
        Result<List<TreeEntry>> found = await manager.Inspection.ListAsync("", isRecursive: true, MostFiles, Root, default);
        if (!found.IsSuccess)
            return;
        var files = found.Value.Where(static entry => entry.Status.Type == FileType.Regular).DistinctBy(static entry => entry.Status.Fid);
        await new Prefetch([.. files], manager.Inspection, manager.Contents, () => manager.BytesArrived).RunAsync(default);
    }

    private async Task WatchAsync(CancellationToken stop)
    {
        if (!mount.Manager.Watches.TryBegin("", isRecursive: true, Root, out PathWatch? watch))
            return;
        using (watch)
        {
            try
            {
                while (!(await watch.BeginAsync(OperationContext.OfClient(stop))).IsNone)
                    await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, MostPauseMs)), mount.Time, stop);
                await foreach (WatchedChange change in watch.RunAsync(OperationContext.OfClient(stop)))
                    mount.Host.Tell($"sees: {change.Kind} {change.Path}");
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // The workload is over.
            }
        }
    }
}
