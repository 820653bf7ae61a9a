using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Afs.Daemons;
using Afs.Fuse;
using Afs.Platform;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Afs.Venus.Vfs;
using Afs.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Hosting;

/// <summary>
/// The life of a mount, as a Generic Host: checks, cache, filesystem, control socket, pages; then the end in the reverse order. It ends when the kernel ends
/// the session: by an unmount, or since a signal asked for one.
///
/// The hosted services, in the order of their start; they stop in the reverse order: cache, mount, control socket, what is told to who asked for the end, pages
/// and figures, readiness.
/// </summary>
internal static partial class MountDaemon
{
    /// <param name="onReady">Called when processes can use the mount.</param>
    /// <exception cref="HostingException">It can't be mounted; the message says why.</exception>
    public static async Task<ExitCode> RunAsync(MountSettings settings, Action onReady)
    {
        HostApplicationBuilder builder = DaemonHost.CreateBuilder("venus", settings.LogLevel, new SignalRules
        {
            SecondSignalCode = static _ => (int)ExitCode.Failed,
            EndsWithTerminal = HangUp.HasTerminal && settings.Supervision is null,
        });
        var mounted = new Mounted();
        builder.Services
            .AddSingleton(settings)
            .AddSingleton(mounted)
            .AddSingleton(ServiceNotifier.FromEnvironment())
            .AddSingleton<TimeProvider>(new BootTimeProvider())
            .AddHostedService<CacheService>()
            .AddHostedService<MountService>()
            .AddHostedService<ControlService>()
            .AddHostedService<EndService>()
            .AddHostedService<AdminService>()
            .AddHostedService(parts => ActivatorUtilities.CreateInstance<ReadinessService>(parts, onReady));
        IHost host = builder.Build();
        ILogger log = host.Services.GetRequiredService<ILogger>();
        BackgroundWork.WhenFailed = (name, e) =>
        {
            LogBackgroundFailed(log, name, e);
            Environment.FailFast($"Background work failed: {name}", e);
        };
        Exception? failure = await DaemonHost.RunAsync(host);
        return failure is not null ? ExitCode.Failed : mounted.DirtyFiles == 0 ? ExitCode.Done : ExitCode.NotStored;
    }

    [LoggerMessage(EventId = 932, Level = LogLevel.Critical, Message = "Background work failed, and ends the daemon: {Name}")]
    private static partial void LogBackgroundFailed(ILogger log, string name, Exception e);

    /// <summary>What the services make for those that start after them.</summary>
    private sealed class Mounted
    {
        public SupervisedMount? Supervised { get; set; }

        public VenusCache Cache { get => field ?? throw TooEarly(); set; }

        public VfsFileSystem FileSystem { get => field ?? throw TooEarly(); set; }

        public KernelMount Kernel { get => field ?? throw TooEarly(); set; }

        public RunningMount Mount { get => field ?? throw TooEarly(); set; }

        /// <summary>What the end left unstored.</summary>
        public int DirtyFiles { get; set; }

        private static InvalidOperationException TooEarly() => new("A service uses what a later one makes.");
    }

    /// <summary>Takes the cache folder, connects, and finds the volume. The container closes what a failed start left.</summary>
    private sealed class CacheService(MountSettings settings, Mounted mounted, TimeProvider time, ILogger log) : IHostedService, IAsyncDisposable
    {
        private bool _isOpen;

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            mounted.Supervised = SupervisedMount.Open(settings, log);
            if (mounted.Supervised is not { IsTakeOver: true })
                MountPoint.Check(settings.MountPoint, settings.Force);
            mounted.Supervised?.SilenceKernel();
            mounted.Cache = await CacheOpener.OpenAsync(settings, mounted.Supervised, time, log, cancellationToken);
            _isOpen = true;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async ValueTask DisposeAsync()
        {
            if (_isOpen)
                await mounted.Cache.DisposeAsync();
            mounted.Supervised?.Dispose();
        }
    }

    /// <summary>Mounts; asked to stop, unmounts, and waits until the kernel has ended the session.</summary>
    private sealed partial class MountService(MountSettings settings, Mounted mounted, TimeProvider time, IHostApplicationLifetime life, ILogger log)
        : IHostedLifecycleService, IDisposable
    {
        private VfsFileSystem? _fileSystem;
        private KernelMount? _kernel;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            SupervisedMount? supervised = mounted.Supervised;
            VenusCache cache = mounted.Cache;
            _fileSystem = new VfsFileSystem(cache.Manager, time, new VfsOptions { IsSynchronous = settings.IsSynchronous, SeemsToRead = Callers.SeemsToRead }, supervised?.Records);
            _kernel = supervised?.Start(settings, _fileSystem, cache, log) ?? MountMaker.Make(settings, _fileSystem, log);
            (mounted.FileSystem, mounted.Kernel) = (_fileSystem, _kernel);
            mounted.Mount = new RunningMount(settings, cache, _fileSystem, _kernel, log);
            LogMounted(log, settings.Server, settings.MountPoint, _kernel.HasPassthrough ? "passthrough" : "the daemon");
            BackgroundWork.Start("the kernel's end of the mount", EndWithKernelAsync);
            // So that the first df needn't wait for a server that is gone by then.
            BackgroundWork.Start("a first look at the volume", () => cache.Manager.Operations.GetVolumeStatusAsync(cache.Manager.Root, OperationContext.OfClient(life.ApplicationStopping)).AsTask(), (_, e) => LogNoFirstLook(log, e.Message));
            return Task.CompletedTask;
        }

        /// <summary>Before any other service stops: who uses the mount meanwhile needs them all.</summary>
        public async Task StoppingAsync(CancellationToken cancellationToken)
        {
            if (_kernel is null)
                return;
            if (!_kernel.Completion.IsCompleted)
                await mounted.Mount.EndAsync();
            await _kernel.Completion;
        }

        public void Dispose()
        {
            _kernel?.Dispose();
            _fileSystem?.Dispose();
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        private async Task EndWithKernelAsync()
        {
            await _kernel!.Completion;
            life.StopApplication();
        }

        [LoggerMessage(EventId = 930, Level = LogLevel.Information, Message = "{Server} is mounted at {MountPoint}; files are read and written by {Io}")]
        private static partial void LogMounted(ILogger log, ServerAddress server, string mountPoint, string io);

        [LoggerMessage(EventId = 933, Level = LogLevel.Debug, Message = "No first look at the volume: {Reason}")]
        private static partial void LogNoFirstLook(ILogger log, string reason);
    }

    /// <summary>The control socket. It answers until the cache is closed, since who asked for the end waits there.</summary>
    private sealed class ControlService(MountSettings settings, Mounted mounted, ILogger log) : IHostedService, IAsyncDisposable
    {
        private ControlServer? _control;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            _control = new ControlServer(
                ControlSocket.PathOf(settings.MountPoint), settings.AllowOther, new MountCommands(settings, mounted.Cache, mounted.Mount), log);
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

        public async ValueTask DisposeAsync()
        {
            if (_control is not null)
                await _control.DisposeAsync();
            _control = null;
        }
    }

    /// <summary>Closes the cache, which stores what is dirty for a bounded time, and tells who asked for the end what is left.</summary>
    private sealed partial class EndService(MountSettings settings, Mounted mounted, ILogger log) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            await mounted.Cache.DisposeAsync();
            mounted.DirtyFiles = mounted.Mount.CountDirty();
            mounted.Mount.Ended(mounted.DirtyFiles);
            LogUnmounted(log, settings.MountPoint);
        }

        [LoggerMessage(EventId = 931, Level = LogLevel.Information, Message = "{MountPoint} is unmounted")]
        private static partial void LogUnmounted(ILogger log, string mountPoint);
    }

    /// <summary>The pages and the exporter, where they were asked for.</summary>
    private sealed class AdminService(MountSettings settings, Mounted mounted, ILogger log) : IHostedService
    {
        private VenusAdmin? _admin;

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            if (settings.Admin.IsOn)
                _admin = await VenusAdmin.StartAsync(settings.Admin, mounted.Cache, mounted.FileSystem, log);
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            if (_admin is not null)
                await _admin.DisposeAsync();
        }
    }

    /// <summary>Tells who waits for the mount that processes can use it, the service manager that it lives, and that it ends.</summary>
    private sealed class ReadinessService(MountSettings settings, Mounted mounted, ServiceNotifier manager, Action onReady) : IHostedService
    {
        private Watchdog? _watchdog;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            onReady();
            manager.Ready($"{settings.Server} is mounted at {settings.MountPoint}");
            _watchdog = Watchdog.StartFromEnvironment(manager, proof: () => mounted.Mount.CountDirty());
            return Task.CompletedTask;
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            if (_watchdog is not null)
                await _watchdog.DisposeAsync();
            manager.Stopping();
        }
    }
}

/// <summary>Mounts a filesystem as the settings say, and turns refusals into what the user is told.</summary>
internal static class MountMaker
{
    /// <exception cref="HostingException">The mount was refused.</exception>
    /// <param name="device">That a supervisor opened; null: one of its own.</param>
    public static KernelMount Make(MountSettings settings, FuseFileSystem fileSystem, ILogger log, SafeFileHandle? device = null)
    {
        KernelMount mount;
        try
        {
            mount = KernelMount.Make(settings.MountPoint, Options(settings), fileSystem, new FuseLog(log), device);
        }
        catch (KernelMountException e)
        {
            throw new HostingException(ToCode(e.Refusal), $"Can't mount at {settings.MountPoint}: {e.Message}", e);
        }

        if (settings.Io != IoMode.Passthrough || mount.HasPassthrough)
            return mount;
        mount.Dispose();
        throw new HostingException(ExitCode.NoPermission, "The kernel offers no passthrough: it needs Linux 6.9 and CAP_SYS_ADMIN. --io=daemon does without.");
    }

    public static FuseMountOptions Options(MountSettings settings) => new()
    {
        Source = settings.Server.ToString(),
        SubType = "afs",
        AllowOther = settings.AllowOther,
        PosixAccessLists = true,
        DefaultPermissions = true,
        ReadOnly = settings.IsReadOnly,
        Passthrough = settings.Io != IoMode.Daemon && !settings.IsSynchronous,
        Synchronous = settings.IsSynchronous,
        AllowSetId = settings.AllowSetId,
        AllowDevices = settings.AllowDevices,
        NoExec = settings.NoExec,
        RemoteLocks = true,
        ReadAheadBytes = 1 << 20,
    };

    private static ExitCode ToCode(MountRefusal refusal) => refusal switch
    {
        MountRefusal.NoFuse => ExitCode.NoFuse,
        MountRefusal.NoPermission => ExitCode.NoPermission,
        MountRefusal.Stale => ExitCode.StaleMount,
        MountRefusal.BadMountPoint => ExitCode.BadMountPoint,
        MountRefusal.InUse => ExitCode.InUse,
        _ => ExitCode.Failed,
    };
}

/// <summary>Opens the cache of a mount and connects it, and turns failures into what the user is told.</summary>
internal static class CacheOpener
{
    /// <exception cref="HostingException">The folder can't be used, the server can't be reached, or it has no such volume.</exception>
    public static async Task<VenusCache> OpenAsync(
        MountSettings settings, SupervisedMount? supervised, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        var options = new CacheOptions
        {
            VolumeName = settings.Server.Volume,
            Limits = new CacheLimits { MostBytes = settings.CacheBytes, MostFiles = settings.CacheFiles, ReservedFreeBytes = settings.CacheFreeBytes },
            Times = new CallTimes { Call = settings.Timeout },
            ReadsWhileArriving = supervised is null,
            BeginsWithoutServer = supervised is { IsTakeOver: true },
            WriteBehind = settings.WriteBehind,
            Locks = settings.Locks,
            ServesDisconnected = settings.Disconnected == DisconnectedMode.Serve,
        };
        var transport = new SocketTransport(new SocketTransportOptions { ClientTls = ReadTls(settings.Tls) });
        string? trouble = null;
        try
        {
            Result<VenusCache> opened = await VenusCache.OpenAsync(
                settings.CacheFolder, settings.Server.Endpoint, transport, options, supervised is { IsTakeOver: true } ? supervised.Records.ReadHeld() : [], time, new Random(), log,
                cancellation, why => trouble = why);
            return opened.IsSuccess ? opened.Value : throw Explain(settings, opened.Failure, trouble);
        }
        catch (CacheFolderException e)
        {
            throw new HostingException(e.IsInUse ? ExitCode.InUse : ExitCode.CacheUnusable, e.Message, e);
        }
        catch (RpcRefusedException e) when (e.Reason == RefusalReason.ScopeUnknown)
        {
            throw NoSuchVolume(settings);
        }
        catch (RpcRefusedException e)
        {
            throw new HostingException(ExitCode.Failed, $"The server {settings.Server.Endpoint} refuses: {e.Message}", e);
        }
        catch (RpcEndpointException e)
        {
            throw new HostingException(ExitCode.BadAddress, e.Message, e);
        }
    }

    private static HostingException Explain(MountSettings settings, Failure failure, string? trouble) => failure.Kind switch
    {
        FailureKind.Refused when failure.Abort == AbortCodes.NoVolume =>
            NoSuchVolume(settings),
        FailureKind.Unreachable =>
            new HostingException(ExitCode.ServerUnreachable, $"The server {settings.Server.Endpoint} can't be reached within {settings.Timeout.TotalSeconds} s{(trouble is null ? "" : $": {trouble.TrimEnd('.')}")}."),
        FailureKind.Interrupted => new HostingException(ExitCode.Failed, "Ended by a signal before the mount was up."),
        _ => new HostingException(ExitCode.Failed, $"The server {settings.Server.Endpoint} refuses: {failure}."),
    };

    private static HostingException NoSuchVolume(MountSettings settings) =>
        new(ExitCode.NoSuchVolume, $"The server {settings.Server.Endpoint} has no volume '{settings.Server.Volume}'.");

    private static TlsClient? ReadTls(TlsSettings? tls)
    {
        if (tls is null)
            return null;
        if (tls.AuthorityFile is null)
            return new TlsClient { ServerName = tls.ServerName };
        try
        {
            ReadAuthorities(tls.AuthorityFile);
        }
        catch (Exception e) when (e is IOException or CryptographicException or UnauthorizedAccessException)
        {
            throw new HostingException(ExitCode.Failed, $"The certificates in {tls.AuthorityFile} can't be read: {e.Message}", e);
        }

        return new TlsClient(() => ReadAuthorities(tls.AuthorityFile)) { ServerName = tls.ServerName };
    }

    private static X509Certificate2Collection ReadAuthorities(string file)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(file);
        return authorities;
    }
}

/// <summary>A mount that is up: tells how it is, stores what is dirty, and ends it.</summary>
internal sealed partial class RunningMount(MountSettings settings, VenusCache cache, VfsFileSystem fileSystem, KernelMount kernel, ILogger log)
{
    private const string CallPrefix = "calls.";

    private readonly TaskCompletionSource<ControlReply> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>
    /// Asked by a signal: stores what is dirty and closed, then unmounts, also where the mount is in use. What is cut off in the middle of being written is
    /// not published: it stays in the cache.
    /// </summary>
    public async Task EndAsync()
    {
        ControlReply stored = await StoreAsync(CancellationToken.None);
        if (stored.Code != ExitCode.Done)
            LogNotStored(stored.Message!);
        if (kernel.Unmount(isForced: false) == UnmountOutcome.Unmounted)
            return;
        LogAborting(settings.MountPoint);
        kernel.Unmount(isForced: true);
    }

    /// <summary>The session has ended and the cache is closed: whoever asked for it is told.</summary>
    public void Ended(int dirtyFiles)
    {
        long unsent = Figures().GetValueOrDefault("behind.changes");
        string?[] left =
        [
            dirtyFiles == 0 ? null : $"{dirtyFiles} files are not stored: they were open for writing, or their store failed.",
            unsent == 0 ? null : $"{unsent} changes are not sent yet.",
        ];
        string told = string.Join(' ', left.OfType<string>());
        _ended.SetResult(told.Length == 0
            ? new ControlReply()
            : new ControlReply { Code = ExitCode.NotStored, Message = $"{told} They stay in {settings.CacheFolder} and go to the server when it is mounted again." });
    }

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
        Failure failure = await cache.Manager.Contents.StoreClosedAsync(only: null, OperationContext.OfClient(cancellation));
        long open = Figures()["containers.half.written"];
        return failure.IsNone
            ? new ControlReply { Message = open == 0 ? null : $"{settings.MountPoint}: {open} {(open == 1 ? "file is" : "files are")} open for writing, and stored when closed or synced." }
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
            CacheTrouble = cache.Manager.DiskTrouble,
            CacheBytes = figures.GetValueOrDefault("containers.bytes"),
            CacheLimitBytes = cache.Manager.Room.MostBytes,
            CacheFiles = (int)figures.GetValueOrDefault("containers"),
            DirtyFiles = CountDirty(),
            RecoveredFiles = RecoveredFiles.List(settings.CacheFolder).Count,
            Nodes = fileSystem.NodeCount,
            Io = kernel.HasPassthrough ? "passthrough" : "daemon",
            SupervisorId = settings.Supervision is { IsAlive: true } supervision ? supervision.SupervisorId : null,
            Restarts = settings.Supervision?.Restarts ?? 0,
            IsServingDisconnected = cache.Manager.Statuses.ServesSuspect(cache.Manager.Root),
            WriteBehind = Behind(figures),
            Calls = figures.Where(f => f.Key.StartsWith(CallPrefix, StringComparison.Ordinal)).ToDictionary(f => f.Key[CallPrefix.Length..], f => f.Value),
            Figures = figures.Where(f => !f.Key.StartsWith(CallPrefix, StringComparison.Ordinal)).ToDictionary(),
        };
    }

    /// <summary>What waits for the server.</summary>
    public SyncProgress Waiting()
    {
        Dictionary<string, long> figures = Figures();
        return new SyncProgress(settings.MountPoint, figures.GetValueOrDefault("behind.changes") + figures.GetValueOrDefault("stores.waiting"), figures.GetValueOrDefault("behind.bytes"));
    }

    private BehindReport? Behind(Dictionary<string, long> figures) => !figures.TryGetValue("behind.changes", out long changes) ? null : new BehindReport
    {
        MostAgeMs = (long)(settings.WriteBehind?.MaxAge.TotalMilliseconds ?? 0),
        Changes = changes,
        Bytes = figures["behind.bytes"],
        OldestMs = figures["behind.oldest.ms"],
        Refused = figures["behind.refused"],
        WriteTokens = figures["behind.tokens"],
    };

    private Dictionary<string, long> Figures() => new(cache.Manager.ReadFigures().ToDictionary(f => f.Name, f => f.Value))
    {
        ["kernel.names"] = fileSystem.NameCount,
        ["kernel.names.forced"] = fileSystem.NamesForced,
        ["kernel.names.held"] = fileSystem.NamesHeld,
    };

    [LoggerMessage(EventId = 920, Level = LogLevel.Warning, Message = "{MountPoint} is in use: what is open there is cut off")]
    private partial void LogAborting(string mountPoint);

    [LoggerMessage(EventId = 921, Level = LogLevel.Warning, Message = "{Reason}")]
    private partial void LogNotStored(string reason);
}
