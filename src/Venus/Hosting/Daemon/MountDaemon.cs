using Afs.Daemons;
using Afs.Platform;
using Afs.Venus.Vfs;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Hosting;

/// <summary>The life of a mount: checks, cache, filesystem, control socket; then the end in the reverse order.</summary>
internal static partial class MountDaemon
{
    /// <param name="onReady">Called when processes can use the mount.</param>
    /// <exception cref="HostingException">It can't be mounted; the message says why.</exception>
    public static async Task<ExitCode> RunAsync(MountSettings settings, Action onReady)
    {
        using ILoggerFactory logging = DaemonLog.Create(settings.LogLevel);
        ILogger log = logging.CreateLogger("venus");
        using var signals = new EndingSignals();
        var time = new BootTimeProvider();
        using var supervised = SupervisedMount.Open(settings, log);
        if (supervised is not { IsTakeOver: true })
            MountPoint.Check(settings.MountPoint, settings.Force);
        supervised?.SilenceKernel();
        await using VenusCache cache = await CacheOpener.OpenAsync(settings, supervised, time, log, signals.First);
        using var fileSystem = new VfsFileSystem(cache.Manager, time, new VfsOptions(), supervised?.Records);
        using KernelMount kernel = supervised?.Start(settings, fileSystem, cache, log) ?? MountMaker.Make(settings, fileSystem, log);
        var mount = new RunningMount(settings, cache, fileSystem, kernel, log);
        await using var control = new ControlServer(ControlSocket.PathOf(settings.MountPoint), settings.AllowOther, new MountCommands(settings, cache, mount), log);
        await using VenusAdmin? admin = settings.Admin.IsOn ? await VenusAdmin.StartAsync(settings.Admin, cache, fileSystem, log) : null;
        using CancellationTokenRegistration ending = signals.First.Register(() => _ = mount.EndAsync());
        LogMounted(log, settings.Server, settings.MountPoint, kernel.HasPassthrough ? "passthrough" : "the daemon");
        // So that the first df needn't wait for a server that is gone by then.
        _ = cache.Manager.Operations.GetVolumeStatusAsync(signals.First).AsTask();
        onReady();
        var manager = ServiceNotifier.FromEnvironment();
        manager.Ready($"{settings.Server} is mounted at {settings.MountPoint}");
        await using (Watchdog? watchdog = Watchdog.StartFromEnvironment(manager, proof: () => mount.CountDirty()))
            await kernel.Completion;

        manager.Stopping();
        await cache.DisposeAsync();
        int dirtyFiles = mount.CountDirty();
        mount.Ended(dirtyFiles);
        LogUnmounted(log, settings.MountPoint);
        return dirtyFiles == 0 ? ExitCode.Done : ExitCode.NotStored;
    }

    [LoggerMessage(EventId = 930, Level = LogLevel.Information, Message = "{Server} is mounted at {MountPoint}; files are read and written by {Io}")]
    private static partial void LogMounted(ILogger log, ServerAddress server, string mountPoint, string io);

    [LoggerMessage(EventId = 931, Level = LogLevel.Information, Message = "{MountPoint} is unmounted")]
    private static partial void LogUnmounted(ILogger log, string mountPoint);
}
