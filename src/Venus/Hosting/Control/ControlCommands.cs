using System.Diagnostics;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Afs.Wire;

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
            run = cache.Manager.Discards.RunAllAsync(asker.Operation(cancellation));
        else
        {
            var entries = new List<TreeEntry>();
            foreach (string path in request.Paths)
            {
                Result<List<TreeEntry>> found = await cache.Manager.Inspection.ListAsync(path, request.IsRecursive, MostDiscarded, asker, asker.Operation(cancellation));
                if (!found.IsSuccess)
                    return FailureText.Refuse(Path.Join(settings.MountPoint, path), found.Failure);
                entries.AddRange(found.Value);
            }
            run = cache.Manager.Discards.RunAsync(entries.Select(static entry => entry.Status.Fid), asker.Operation(cancellation));
        }
        (int kept, Failure failure) = await run;
        return failure.IsNone
            ? new ControlReply { KeptFiles = kept }
            : ControlReply.Refuse(ExitCode.NotStored, $"Not all changes could be stored: {FailureText.Of(failure)}. They stay in the cache.") with { KeptFiles = kept };
    }
}

/// <summary>
/// The commands of one mount. What changes something, and what shows names of other people's files, is for its owner and root alone; what is about
/// a path is answered by the rights that the asker has on it.
/// </summary>
internal sealed class MountCommands(MountSettings settings, VenusCache cache, RunningMount mount) : IControlHandler
{
    private readonly PathReports _reports = new(settings, cache);
    private readonly FetchCommand _fetch = new(settings, cache);
    private readonly WatchCommand _watch = new(settings, cache);
    private readonly SyncCommand _sync = new(mount);
    private readonly CacheCommands _sizes = new(settings, cache);

    public async Task AnswerAsync(ControlRequest request, Requester asker, ControlAnswer answer, CancellationToken ending)
    {
        if (Check(request, asker) is { } refusal)
        {
            await answer.SendAsync(refusal);
            return;
        }
        cache.Manager.BeginOperation();
        switch (request.Operation)
        {
            case ControlOperations.Fetch:
                await _fetch.RunAsync(request, asker, answer);
                break;
            case ControlOperations.Watch:
                await _watch.RunAsync(request, asker, answer);
                break;
            case ControlOperations.Sync:
                await _sync.RunAsync(answer);
                break;
            default:
                await answer.SendAsync(await AnswerOnceAsync(request, asker, ending));
                break;
        }
    }

    private async Task<ControlReply> AnswerOnceAsync(ControlRequest request, Requester asker, CancellationToken ending) => request.Operation switch
    {
        ControlOperations.Status => new ControlReply { Status = mount.Report() },
        ControlOperations.Recovered => new ControlReply { Recovered = RecoveredFiles.List(settings.CacheFolder) },
        ControlOperations.Whereis or ControlOperations.Examine => await _reports.ExamineAsync(request.Paths ?? [""], asker, ending),
        ControlOperations.CheckServers => await ServerCheck.RunAsync(settings, cache.Server, request.TimeoutMs, ending),
        ControlOperations.CacheParameters => new ControlReply { Cache = _sizes.Read() },
        ControlOperations.SetCacheSize => _sizes.Resize(request.Bytes),
        ControlOperations.Discard => await _sizes.DiscardAsync(request, asker, ending),
        ControlOperations.Flush => await mount.StoreAsync(ending),
        ControlOperations.Unmount => await mount.UnmountAsync(request.Force, ending),
        _ => ControlReply.Refuse(ExitCode.Failed, "The daemon doesn't know this command; it is of another version."),
    };

    /// <summary>The refusal, or null: what the request is about may be looked at.</summary>
    internal static ControlReply? Check(ControlRequest request, Requester asker)
    {
        bool isForOwner = request.Operation is ControlOperations.Recovered or ControlOperations.SetCacheSize or ControlOperations.Discard
            or ControlOperations.Flush or ControlOperations.Unmount;
        if (isForOwner && !asker.IsOwner)
            return ControlReply.Refuse(ExitCode.NoPermission, "Only root and the user who mounted may do this.");
        if (request.Paths is { } paths && (paths.Count > ControlRequest.MostPaths || paths.Any(static p => p is null || p.Length > ControlRequest.MostPathChars)))
            return ControlReply.Refuse(ExitCode.Usage, $"At most {ControlRequest.MostPaths} paths of {ControlRequest.MostPathChars} characters each can be asked about at once.");
        return null;
    }
}

/// <summary>Brings files into the cache, and tells meanwhile how far it is. Ends when the asker goes.</summary>
internal sealed class FetchCommand(MountSettings settings, VenusCache cache)
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(200);

    public async Task RunAsync(ControlRequest request, Requester asker, ControlAnswer answer)
    {
        CancellationToken gone = answer.WatchForEnd();
        var files = new List<TreeEntry>();
        foreach (string path in request.Paths ?? [])
        {
            (List<TreeEntry>? found, ControlReply? refusal) = await ListFilesAsync(path, request.IsRecursive, asker, gone);
            if (refusal is not null)
            {
                await answer.SendAsync(refusal);
                return;
            }
            files.AddRange(found!);
        }
        var prefetch = new Prefetch([.. files.DistinctBy(static file => file.Status.Fid)], cache.Manager.Inspection, cache.Manager.Contents, () => cache.Manager.BytesArrived);
        await answer.SendAsync(prefetch.MissingBytes > cache.Manager.Room.MostBytes
            ? ControlReply.Refuse(ExitCode.CacheFull, $"{prefetch.MissingBytes} bytes are to be fetched; the cache of {settings.MountPoint} holds {cache.Manager.Room.MostBytes}.")
            : await FetchAsync(prefetch, answer, asker.Operation(gone)));
    }

    private async Task<ControlReply> FetchAsync(Prefetch prefetch, ControlAnswer answer, OperationContext operation)
    {
        // Where contents come faster than they are read here, all of it may run before it first waits: the progress is told beside it.
        Task<(TreeEntry? Entry, Failure Failure)> run = Task.Run(() => prefetch.RunAsync(operation), CancellationToken.None);
        using var timer = new PeriodicTimer(ProgressInterval);
        do
            await answer.SendAsync(new ControlReply { HasMore = true, Progress = Read(prefetch) });
        while (await Task.WhenAny(run, timer.WaitForNextTickAsync(CancellationToken.None).AsTask()) != run);
        (TreeEntry? entry, Failure failure) = await run;
        ControlReply last = failure.IsNone ? new ControlReply() : FailureText.Refuse(Path.Join(settings.MountPoint, entry?.Path), failure);
        return last with { Progress = Read(prefetch) };
    }

    /// <summary>The regular files; what is none has no content to fetch.</summary>
    private async Task<(List<TreeEntry>? Files, ControlReply? Refusal)> ListFilesAsync(
        string path, bool isRecursive, Requester asker, CancellationToken cancellation)
    {
        string full = Path.Join(settings.MountPoint, path);
        Result<List<TreeEntry>> found = await cache.Manager.Inspection.ListAsync(path, isRecursive, settings.CacheFiles, asker, asker.Operation(cancellation));
        if (!found.IsSuccess)
            return (null, FailureText.Refuse(full, found.Failure));
        FetchStatus top = found.Value[0].Status;
        if (top.Type == FileType.Directory && !isRecursive)
            return (null, ControlReply.Refuse(ExitCode.Usage, $"{full} is a folder; --recursive fetches all that is in it."));
        RequesterRights rights = cache.Manager.Inspection.Rights;
        if (top.Type == FileType.Regular && !await rights.MayReadAsync(asker, top, asker.Operation(cancellation)))
            return (null, FailureText.Refuse(full, AbortCodes.NotPermitted));
        var files = new List<TreeEntry>();
        foreach (TreeEntry entry in found.Value)
        {
            if (entry.Status.Type == FileType.Regular && await rights.MayReadAsync(asker, entry.Status, asker.Operation(cancellation)))
                files.Add(entry);
        }
        return (files, null);
    }

    private static FetchProgress Read(Prefetch prefetch)
    {
        (int doneFiles, int files, long doneBytes, long bytes) = prefetch.Read();
        return new FetchProgress(doneFiles, files, doneBytes, bytes);
    }
}

/// <summary>Brings all that was done here to the server, and tells meanwhile what still waits. What was begun goes on when the asker goes.</summary>
internal sealed class SyncCommand(RunningMount mount)
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(200);

    public async Task RunAsync(ControlAnswer answer)
    {
        CancellationToken gone = answer.WatchForEnd();
        Task<ControlReply> run = mount.StoreAsync(gone);
        using var timer = new PeriodicTimer(ProgressInterval);
        while (await Task.WhenAny(run, timer.WaitForNextTickAsync(CancellationToken.None).AsTask()) != run)
            await answer.SendAsync(new ControlReply { HasMore = true, Sync = mount.Waiting() }, gone);
        await answer.SendAsync(await run with { Sync = mount.Waiting() }, gone);
    }
}

/// <summary>Tells what other clients change in a path, until the asker goes.</summary>
internal sealed class WatchCommand(MountSettings settings, VenusCache cache)
{
    public async Task RunAsync(ControlRequest request, Requester asker, ControlAnswer answer)
    {
        if (request.Paths is not [{ } path])
        {
            await answer.SendAsync(ControlReply.Refuse(ExitCode.Usage, "One path can be watched at a time."));
            return;
        }
        CancellationToken gone = answer.WatchForEnd();
        if (!cache.Manager.Watches.TryBegin(path, request.IsRecursive, asker, out PathWatch? begun))
        {
            await answer.SendAsync(ControlReply.Refuse(ExitCode.Busy, $"{Watches.Most} paths are watched already."));
            return;
        }
        using PathWatch watch = begun;
        Failure failure = await watch.BeginAsync(asker.Operation(gone));
        if (!failure.IsNone)
        {
            await answer.SendAsync(failure.Kind == FailureKind.CacheFull
                ? ControlReply.Refuse(ExitCode.Failed, $"More than {WatchedSet.Most} files and folders are too many to watch.")
                : FailureText.Refuse(Path.Join(settings.MountPoint, path), failure));
            return;
        }
        try
        {
            await foreach (WatchedChange change in watch.RunAsync(asker.Operation(gone)))
                await answer.SendAsync(new ControlReply { HasMore = true, Change = Report(change) }, gone);
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            // The watcher has gone, or the daemon ends.
        }
    }

    private ChangeReport Report(WatchedChange change) => new()
    {
        Time = DateTimeOffset.UtcNow,
        Kind = NameOf(change.Kind),
        Path = Full(change.Path),
        From = Full(change.From),
        Fid = change.Status?.Fid.ToString(),
        Type = change.Status is { } status ? PathReports.NameOf(status.Type) : null,
        DataVersion = change.Status?.DataVersion.Value,
        LengthBytes = change.Status?.LengthBytes,
        Count = change.Count,
        Reason = change.Reason,
    };

    private string? Full(string? path) => path is null ? null : Path.Join(settings.MountPoint, path);

    private static string NameOf(WatchedKind kind) => kind switch
    {
        WatchedKind.Watching => ChangeKinds.Watching,
        WatchedKind.Created => ChangeKinds.Created,
        WatchedKind.Removed => ChangeKinds.Removed,
        WatchedKind.Renamed => ChangeKinds.Renamed,
        WatchedKind.Replaced => ChangeKinds.Replaced,
        WatchedKind.Stored => ChangeKinds.Stored,
        WatchedKind.Changed => ChangeKinds.Changed,
        WatchedKind.OutOfTouch => ChangeKinds.OutOfTouch,
        WatchedKind.InTouch => ChangeKinds.InTouch,
        WatchedKind.Missed => ChangeKinds.Missed,
        _ => throw new InvalidOperationException($"A watch tells no {kind}."),
    };
}

/// <summary>What Venus knows of paths.</summary>
internal sealed class PathReports(MountSettings settings, VenusCache cache)
{
    public async Task<ControlReply> ExamineAsync(IReadOnlyList<string> paths, Requester asker, CancellationToken cancellation)
    {
        var reports = new List<VnodeReport>();
        foreach (string path in paths)
        {
            Result<FetchStatus> status = await cache.Manager.Inspection.FindAsync(path, asker, asker.Operation(cancellation));
            if (!status.IsSuccess)
                return FailureText.Refuse(Path.Join(settings.MountPoint, path), status.Failure);
            reports.Add(Report(path, status.Value));
        }
        return new ControlReply { Vnodes = reports };
    }

    private VnodeReport Report(string path, FetchStatus status)
    {
        bool hasContent = cache.Manager.Inspection.TryGetContent(status.Fid, out CachedContent content);
        bool isCurrent = hasContent && (content.IsDirty || content.IsOpenForWriting || content.Version == status.DataVersion);
        return new VnodeReport
        {
            Path = Path.Join(settings.MountPoint, path),
            Fid = status.Fid.ToString(),
            Type = NameOf(status.Type),
            Server = settings.Server.Endpoint.ToString()!,
            Volume = settings.Server.Volume,
            LengthBytes = status.LengthBytes,
            Mode = Convert.ToString(status.Mode, 8).PadLeft(4, '0'),
            Uid = status.Uid,
            Gid = status.Gid,
            DataVersion = status.DataVersion.Value,
            StatusVersion = status.StatusVersion.Value,
            IsPromised = cache.Manager.Inspection.IsPromised(status.Fid),
            IsCached = status.Type == FileType.Directory ? cache.Manager.Inspection.IsListed(status.Fid) : isCurrent,
            CachedVersion = hasContent ? content.Version.Value : null,
            CachedBytes = content.AllocatedBytes,
            IsDirty = content.IsDirty,
            IsOpen = content.IsOpen,
            IsOpenForWriting = content.IsOpenForWriting,
        };
    }

    public static string NameOf(FileType type) => type switch
    {
        FileType.Regular => "file",
        FileType.Directory => "directory",
        FileType.Symlink => "symlink",
        FileType.Fifo => "fifo",
        FileType.Socket => "socket",
        FileType.CharacterDevice => "character-device",
        FileType.BlockDevice => "block-device",
        _ => "unknown",
    };
}

/// <summary>Asks the file server how it is, and measures how long the answer takes.</summary>
internal static class ServerCheck
{
    private const int DefaultTimeoutMs = 3_000, MostTimeoutMs = 60_000;

    public static async Task<ControlReply> RunAsync(MountSettings settings, ViceConnection server, int timeoutMs, CancellationToken cancellation)
    {
        var deadline = TimeSpan.FromMilliseconds(timeoutMs is > 0 and <= MostTimeoutMs ? timeoutMs : DefaultTimeoutMs);
        long begun = Stopwatch.GetTimestamp();
        Outcome<GetServerStatusReply> outcome = await server.Vice.GetServerStatusAsync(
            new GetServerStatusRequest(), new CallContext { Deadline = deadline, Cancellation = cancellation });
        var report = new ServerReport { MountPoint = settings.MountPoint, Server = settings.Server.Endpoint.ToString()!, IsUp = outcome.IsReply };
        if (!outcome.IsReply)
        {
            report = report with { Trouble = server.Trouble ?? $"no answer within {deadline.TotalSeconds} s" };
            return new ControlReply { Code = ExitCode.ServerUnreachable, Message = $"{report.Server}: {report.Trouble}", Server = report };
        }
        return new ControlReply
        {
            Server = report with
            {
                RoundTripMs = Math.Round(Stopwatch.GetElapsedTime(begun).TotalMilliseconds, 3),
                Version = outcome.Value.Version,
                Epoch = outcome.Value.Epoch,
                UptimeMs = outcome.Value.UptimeMs,
            },
        };
    }
}
