using Afs.Venus.Cache;

namespace Afs.Venus.Hosting;

/// <summary>How large the cache is and may be, and what goes from it because somebody says so.</summary>
internal sealed class CacheCommands(MountSettings settings, VenusCache cache)
{
    /// <summary>Vnodes that one command discards.</summary>
    private const int MostDiscarded = 1_000_000;

    public CacheParameters Read()
    {
        Dictionary<string, long> figures = cache.Manager.ReadFigures().ToDictionary(f => f.Name, f => f.Value);
        return new CacheParameters
        {
            MountPoint = settings.MountPoint,
            Folder = settings.CacheFolder,
            UsedBytes = figures["containers.bytes"],
            LimitBytes = cache.Manager.Room.MostBytes,
            Files = (int)figures["containers"],
            LimitFiles = settings.CacheFiles,
            LeftFreeBytes = settings.CacheFreeBytes,
        };
    }

    /// <summary>At once, and until the mount ends.</summary>
    public ControlReply Resize(long bytes)
    {
        if (bytes <= 0)
            return ControlReply.Refuse(ExitCode.Usage, "A cache's size is more than nothing.");
        bool isWithin = cache.Manager.Room.Resize(bytes);
        return new ControlReply
        {
            Cache = Read(),
            Message = isWithin ? null : "What is open or not stored yet occupies more than that; it goes as soon as it can.",
        };
    }

    public async Task<ControlReply> DiscardAsync(ControlRequest request, Requester asker, CancellationToken cancellation)
    {
        Task<(int Kept, Failure Failure)> run;
        if (request.Paths is null)
            run = cache.Manager.Discards.RunAllAsync(cancellation);
        else
        {
            var entries = new List<TreeEntry>();
            foreach (string path in request.Paths)
            {
                Result<List<TreeEntry>> found = await cache.Manager.Inspection.ListAsync(path, request.IsRecursive, MostDiscarded, asker, cancellation);
                if (!found.IsSuccess)
                    return FailureText.Refuse(Path.Join(settings.MountPoint, path), found.Failure);
                entries.AddRange(found.Value);
            }
            run = cache.Manager.Discards.RunAsync(entries.Select(static entry => entry.Status.Fid), cancellation);
        }
        (int kept, Failure failure) = await run;
        return failure.IsNone
            ? new ControlReply { KeptFiles = kept }
            : ControlReply.Refuse(ExitCode.NotStored, $"Not all changes could be stored: {FailureText.Of(failure)}. They stay in the cache.") with { KeptFiles = kept };
    }
}
