using Afs.Daemons;
using Afs.Fuse;
using Afs.Platform;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>
/// Keeps a mount alive over the deaths of its daemons: holds the descriptor of /dev/fuse, starts a daemon, and another when it dies while the mount
/// stands. Requests wait meanwhile. It ends with the mount, with the exit code of its last daemon.
/// </summary>
internal sealed partial class Supervisor(MountSettings settings, FuseKeeper keeper, ILogger log) : IDisposable
{
    /// <summary>For a daemon that takes over. It waits for no server.</summary>
    private static readonly TimeSpan TakeOverLimit = TimeSpan.FromSeconds(30);

    private readonly SupervisorSignals _signals = new();
    private readonly RestartLimit _limit = new(new BootTimeProvider());
    private uint? _connection;

    /// <param name="onReady">Called when processes can use the mount.</param>
    /// <exception cref="HostingException">There is no /dev/fuse, or this user may not.</exception>
    public static async Task<ExitCode> RunAsync(MountSettings settings, Action onReady)
    {
        if (Environment.UserName != "root")
            throw new HostingException(ExitCode.NoPermission, "Only root can mount with --supervised.");
        MountPoint.Check(settings.MountPoint, settings.Force);
        using ILoggerFactory logging = DaemonLog.Create(settings.LogLevel);
        using FuseKeeper keeper = OpenKeeper();
        using var supervisor = new Supervisor(settings, keeper, logging.CreateLogger("venus"));
        return await supervisor.RunAsync(onReady);
    }

    public void Dispose() => _signals.Dispose();

    private async Task<ExitCode> RunAsync(Action onReady)
    {
        for (int restarts = 0; ; restarts++)
        {
            using var daemon = DaemonProcess.Start(new Supervision(keeper.Descriptor, restarts, Environment.ProcessId));
            _signals.Daemon = daemon;
            bool isReady = await daemon.WaitReadyAsync(restarts == 0 ? null : TakeOverLimit);
            if (isReady && restarts == 0)
            {
                _connection = FuseKeeper.FindConnection(settings.MountPoint);
                onReady();
            }

            ExitCode? code = await daemon.WaitForEndAsync();
            _signals.Daemon = null;
            if (!IsMounted())
                return code is null || code == ExitCode.Done && !isReady ? ExitCode.Failed : code.Value;
            // From here on nobody breaks what the kernel caches.
            keeper.InvalidateNames();
            LogDied(daemon.Id, code?.ToString() ?? "killed");
            if (_signals.HaveCome || _limit.Died() is not { } pause)
                return GiveUp();
            await Task.Delay(pause);
        }
    }

    /// <summary>A daemon that died before it was ready the first time leaves a mount that no other can take over: that counts as none.</summary>
    private bool IsMounted()
    {
        if (_connection is { } connection)
            return FuseKeeper.FindConnection(settings.MountPoint) == connection;
        return false;
    }

    /// <summary>Whoever waits for a daemon gets ENOTCONN instead.</summary>
    private ExitCode GiveUp()
    {
        LogGivenUp(settings.MountPoint);
        FuseKeeper.Abort(settings.MountPoint, _connection!.Value);
        return ExitCode.Failed;
    }

    private static FuseKeeper OpenKeeper()
    {
        try
        {
            return FuseKeeper.Open();
        }
        catch (FuseException e)
        {
            throw new HostingException(ExitCode.NoFuse, $"/dev/fuse can't be used: {e.Message}", e);
        }
    }

    [LoggerMessage(EventId = 950, Level = LogLevel.Error, Message = "The daemon {Id} died ({How}); another takes over")]
    private partial void LogDied(int id, string how);

    [LoggerMessage(EventId = 951, Level = LogLevel.Critical, Message = "{MountPoint} has no daemon any more: the mount is cut off")]
    private partial void LogGivenUp(string mountPoint);
}
