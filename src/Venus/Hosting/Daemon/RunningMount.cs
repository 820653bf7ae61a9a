using Afs.Venus.Cache;
using Afs.Venus.Vfs;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>A mount that is up: tells how it is, stores what is dirty, and ends it.</summary>
internal sealed partial class RunningMount(MountSettings settings, VenusCache cache, VfsFileSystem fileSystem, KernelMount kernel, ILogger log)
{
    private const string CallPrefix = "calls.";

    private readonly TaskCompletionSource<ControlReply> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Asked by a signal: stores what is dirty, then unmounts, also where the mount is in use.</summary>
    public async Task EndAsync()
    {
        ControlReply stored = await StoreAsync(CancellationToken.None);
        if (stored.Message is not null)
            LogNotStored(stored.Message);
        if (kernel.Unmount(isForced: false) == UnmountOutcome.Unmounted)
            return;
        LogAborting(settings.MountPoint);
        kernel.Unmount(isForced: true);
    }

    /// <summary>The session has ended and the cache is closed: whoever asked for it is told.</summary>
    public void Ended(int dirtyFiles) => _ended.SetResult(dirtyFiles == 0
        ? new ControlReply()
        : new ControlReply
        {
            Code = ExitCode.NotStored,
            Message = $"{dirtyFiles} files could not be stored. They stay in {settings.CacheFolder} and are stored when it is mounted again.",
        });

    /// <summary>Files with changes that are not stored.</summary>
    public int CountDirty() => (int)Figures().GetValueOrDefault("containers.dirty");

    public async Task<ControlReply> UnmountAsync(bool force, CancellationToken cancellation)
    {
        ControlReply stored = await StoreAsync(cancellation);
        if (stored.Code != ExitCode.Done && !force)
            return stored;
        return kernel.Unmount(force) switch
        {
            UnmountOutcome.Unmounted => await _ended.Task,
            UnmountOutcome.InUse => new ControlReply { Code = ExitCode.Busy, Message = $"{settings.MountPoint} is in use; --force unmounts all the same." },
            _ => new ControlReply { Code = ExitCode.Failed, Message = $"{settings.MountPoint} can't be unmounted." },
        };
    }

    public async Task<ControlReply> StoreAsync(CancellationToken cancellation)
    {
        Failure failure = await cache.Manager.Contents.StoreDirtyAsync(only: null, cancellation);
        return failure.IsNone
            ? new ControlReply()
            : new ControlReply { Code = ExitCode.NotStored, Message = $"{settings.MountPoint}: not all changes could be stored: {FailureText.Of(failure)}. They stay in the cache." };
    }

    public StatusReport Report()
    {
        Dictionary<string, long> figures = Figures();
        return new StatusReport
        {
            MountPoint = settings.MountPoint,
            Server = settings.Server.ToString(),
            ProcessId = Environment.ProcessId,
            HasLease = figures.GetValueOrDefault("lease.left.ms") > 0,
            LeaseLeftMs = figures.GetValueOrDefault("lease.left.ms"),
            Trouble = cache.Server.Trouble,
            CacheFolder = settings.CacheFolder,
            CacheBytes = figures.GetValueOrDefault("containers.bytes"),
            CacheLimitBytes = cache.Manager.Room.MostBytes,
            CacheFiles = (int)figures.GetValueOrDefault("containers"),
            DirtyFiles = CountDirty(),
            RecoveredFiles = RecoveredFiles.List(settings.CacheFolder).Count,
            Nodes = fileSystem.NodeCount,
            Io = kernel.HasPassthrough ? "passthrough" : "daemon",
            SupervisorId = settings.Supervision is { IsAlive: true } supervision ? supervision.SupervisorId : null,
            Restarts = settings.Supervision?.Restarts ?? 0,
            IsServingDisconnected = cache.Manager.Statuses.ServesSuspect,
            Calls = figures.Where(f => f.Key.StartsWith(CallPrefix, StringComparison.Ordinal)).ToDictionary(f => f.Key[CallPrefix.Length..], f => f.Value),
            Figures = figures.Where(f => !f.Key.StartsWith(CallPrefix, StringComparison.Ordinal)).ToDictionary(),
        };
    }

    private Dictionary<string, long> Figures() => cache.Manager.ReadFigures().ToDictionary(f => f.Name, f => f.Value);

    [LoggerMessage(EventId = 920, Level = LogLevel.Warning, Message = "{MountPoint} is in use: what is open there is cut off")]
    private partial void LogAborting(string mountPoint);

    [LoggerMessage(EventId = 921, Level = LogLevel.Warning, Message = "{Reason}")]
    private partial void LogNotStored(string reason);
}
