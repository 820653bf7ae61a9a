using System.Runtime.InteropServices;
using Afs.Daemons;
using Afs.Platform;
using Afs.Rpc;
using Afs.Telemetry;
using Afs.Vice.Hosting.Admin;
using Afs.Vice.Hosting.Data;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Content;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Hosting;

/// <summary>
/// A server with real sockets, threads and clocks, as a Generic Host: opens its data, serves until told to stop, drains, and closes. It comes up by itself
/// after a crash: the database rolls back what wasn't committed, and contents that nothing refers to are deleted.
///
/// The hosted services, in the order of their start; they stop in the reverse order: commits, what an earlier life left, pages and figures, calls, housekeeping,
/// readiness. The container disposes what it made last first: calls, server, threads of the disk, writer, data.
/// </summary>
public static partial class ServerHost
{
    private const int SignalBase = 128;

    private static readonly SignalRules Signals = new()
    {
        SecondSignalCode = static signal => SignalBase + (signal == PosixSignal.SIGINT ? 2 : 15),
        EndsWithTerminal = HangUp.HasTerminal,
    };

    /// <summary>Serves until SIGTERM or SIGINT. The value is the exit code.</summary>
    /// <exception cref="StartException">It can't.</exception>
    public static async Task<int> RunAsync(ServeOptions options, LogLevel level)
    {
        HostApplicationBuilder builder = DaemonHost.CreateBuilder("vice", level, Signals);
        AddParts(builder.Services, options);
        builder.Services
            .AddHostedService<CommitService>()
            .AddHostedService<OrphanService>()
            .AddHostedService<AdminService>()
            .AddHostedService<CallService>()
            .AddHostedService<HousekeepingService>()
            .AddHostedService<ReadinessService>();
        IHost host = builder.Build();
        ILogger log = host.Services.GetRequiredService<ILogger>();
        DaemonFailure failure = host.Services.GetRequiredService<DaemonFailure>();
        BackgroundWork.WhenFailed = (name, e) =>
        {
            LogBackgroundFailed(log, name);
            failure.Tell(e);
        };
        return await DaemonHost.RunAsync(host) is null ? ExitCode.Ok : ExitCode.Failed;
    }

    private static void AddParts(IServiceCollection services, ServeOptions options)
    {
        int openFiles = OpenFileLimit.Raise();
        services
            .AddSingleton(options)
            .AddSingleton(ServiceNotifier.FromEnvironment())
            .AddSingleton<Readiness>()
            .AddSingleton(_ => DataFolder.Open(options.Data, mayCreate: true, openFiles))
            // Made after the data, and so disposed before it: both use it to their end.
            .AddSingleton(parts => After<DataFolder, CommitThread>(parts, static () => new CommitThread(callersCommit: true)))
            .AddSingleton(parts => After<DataFolder, DiskPools>(parts, static () => new DiskPools()))
            .AddSingleton(MakeServer)
            .AddSingleton(parts => MakeRpc(parts, openFiles));
        if (options.Admin.IsOn)
            services.AddSingleton<Observation>();
    }

    private static TMade After<TFirst, TMade>(IServiceProvider parts, Func<TMade> make)
        where TFirst : notnull
    {
        parts.GetRequiredService<TFirst>();
        return make();
    }

    private static ViceServer MakeServer(IServiceProvider parts)
    {
        ServeOptions options = parts.GetRequiredService<ServeOptions>();
        DataFolder data = parts.GetRequiredService<DataFolder>();
        Observation? seen = parts.GetService<Observation>();
        try
        {
            return new ViceServer(options.Vice, new ViceParts
            {
                Metadata = data.Metadata,
                Disk = data.Disk,
                OpenContents = room => FileContentStore.Begin(data.Disk, room, parts.GetRequiredService<DiskPools>().Threads),
                Time = new BootTimeProvider(),
                Random = new SecretRandom(),
                Disks = parts.GetRequiredService<DiskPools>().Threads,
                WakeCommitter = parts.GetRequiredService<CommitThread>().Wake,
                LoneCallersGoOnAtCommit = true,
                Callbacks = channel => seen?.Observe(new VenusCallbacksClient(channel)) ?? new VenusCallbacksClient(channel),
                Log = parts.GetRequiredService<ILogger>(),
            });
        }
        catch (StorageException e)
        {
            throw new StartException(DataFolder.Explain(options.Data, e), e);
        }
        catch (DiskException e)
        {
            throw new StartException($"The data in {options.Data} can't be used: {e.Message}", e);
        }
    }

    private static RpcServer MakeRpc(IServiceProvider parts, int openFiles)
    {
        ServeOptions options = parts.GetRequiredService<ServeOptions>();
        ViceServer vice = parts.GetRequiredService<ViceServer>();
        IViceService service = parts.GetService<Observation>()?.Observe(vice.Service) ?? vice.Service;
        return new RpcServer(new RpcServerOptions
        {
            Transport = new SocketTransport(new SocketTransportOptions { ServerTls = options.Certificate?.Tls }),
            Endpoints = options.Listen,
            Scopes = [vice.ToScope(options.Vice.VolumeName, service), vice.ToScope("", service)],
            SessionKey = SessionKeyFile.LoadOrMake(options.Data),
            Time = new BootTimeProvider(),
            Random = new Random(),
            Limits = LimitsOf(openFiles),
            Log = parts.GetRequiredService<ILogger>(),
        });
    }

    /// <summary>Connections have three quarters of the descriptors that aren't kept for what the server can't go on without.</summary>
    private static RpcLimits LimitsOf(int openFiles)
    {
        var limits = new RpcLimits();
        return limits with { Connections = Math.Clamp((openFiles - OpenFileLimit.Reserve) / 4 * 3, 1, limits.Connections) };
    }

    [LoggerMessage(EventId = 4007, Level = LogLevel.Critical, Message = "Background work failed: {Name}")]
    private static partial void LogBackgroundFailed(ILogger log, string name);

    /// <summary>The one writer. The container ends it: what waits then is committed first.</summary>
    private sealed class CommitService(CommitThread commits, ViceServer vice, DaemonFailure failure) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            commits.Start(vice.Committer, failure.Tell);
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Deletes the contents of an earlier life that nothing refers to.</summary>
    private sealed partial class OrphanService(ViceServer vice, DaemonFailure failure, ILogger log) : IHostedService
    {
        private Task<int> _sweep = Task.FromResult(0);

        public Task StartAsync(CancellationToken cancellationToken)
        {
            _sweep = vice.SweepOrphansAsync(CancellationToken.None);
            return Task.CompletedTask;
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            if (failure.Cause is not null)
                return;
            try
            {
                LogOrphans(log, await _sweep);
            }
            catch (Exception e) when (e is StorageException or DiskException)
            {
                LogOrphansLeft(log, e.Message);
            }
        }

        [LoggerMessage(EventId = 4007, Level = LogLevel.Error, Message = "Contents of an earlier life are looked for at the next start: {Reason}")]
        private static partial void LogOrphansLeft(ILogger log, string reason);

        [LoggerMessage(EventId = 4006, Level = LogLevel.Debug, Message = "{Count} contents that an earlier life left were deleted")]
        private static partial void LogOrphans(ILogger log, int count);
    }

    /// <summary>The pages and the exporter, where they were asked for.</summary>
    private sealed class AdminService(
        ServeOptions options, ViceServer vice, RpcServer rpc, DataFolder data, DaemonFailure failure, Readiness readiness, ILogger log, IServiceProvider parts) : IHostedService
    {
        private ViceAdmin? _admin;

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            if (parts.GetService<Observation>() is { } seen)
                _admin = await ViceAdmin.StartAsync(options.Admin, options.Vice, vice, rpc.Statistics, data.Metadata, seen, FindBroken, log);
        }

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            if (_admin is not null)
                await _admin.DisposeAsync();
        }

        private string? FindBroken() =>
            failure.Cause is not null ? "a broken invariant ends the server"
            : readiness.IsReady ? null
            : "the server is starting";
    }

    /// <summary>Takes calls. At the end those that run have their time, unless the server broke.</summary>
    private sealed class CallService(ServeOptions options, RpcServer rpc, DaemonFailure failure) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            try
            {
                await rpc.StartAsync(cancellationToken);
            }
            catch (RpcEndpointException e)
            {
                throw new StartException(e.Message, e);
            }
        }

        public Task StopAsync(CancellationToken cancellationToken) => rpc.StopAsync(failure.Cause is null ? options.Drain : TimeSpan.Zero);
    }

    /// <summary>The sweep of each second, and the sign of life.</summary>
    private sealed class HousekeepingService(ServeOptions options, ViceServer vice, ServiceNotifier manager, DaemonFailure failure, ILogger log) : WatchedService(failure)
    {
        private readonly DaemonFailure _failure = failure;

        protected override async Task RunAsync(CancellationToken stop)
        {
            if (await new Housekeeping(SweepAsync, manager.Alive, _failure.Happened, TimeProvider.System, log).RunAsync(stop) is { } broken)
                _failure.Tell(broken);
        }

        private Task SweepAsync()
        {
            options.Certificate?.ReloadIfChanged(log);
            return vice.SweepAsync();
        }
    }

    private sealed class Readiness
    {
        public volatile bool IsReady;
    }

    /// <summary>Tells who waits for the server that it takes calls, and that it is about to end.</summary>
    private sealed partial class ReadinessService(ServeOptions options, ViceServer vice, RpcServer rpc, ServiceNotifier manager, Readiness readiness, ILogger log)
        : IHostedLifecycleService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            string endpoints = string.Join(", ", rpc.Endpoints);
            readiness.IsReady = true;
            LogServing(log, options.Vice.VolumeName, endpoints, options.Data, vice.Sessions.Epoch.Value);
            if (options.ReadyFile is { } file)
                WriteReady(file, rpc.Endpoints);
            manager.Ready($"serving {options.Vice.VolumeName} on {endpoints}");
            return Task.CompletedTask;
        }

        public Task StoppingAsync(CancellationToken cancellationToken)
        {
            manager.Stopping();
            LogStopping(log);
            return Task.CompletedTask;
        }

        public Task StoppedAsync(CancellationToken cancellationToken)
        {
            LogStopped(log);
            return Task.CompletedTask;
        }

        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        /// <summary>Whoever waits for the file finds it whole.</summary>
        private static void WriteReady(string file, IReadOnlyList<RpcEndpoint> endpoints)
        {
            try
            {
                File.WriteAllLines(file + ".part", endpoints.Select(endpoint => endpoint.ToString()!));
                File.Move(file + ".part", file, overwrite: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StartException($"Cannot write {file}: {e.Message}", e);
            }
        }

        [LoggerMessage(EventId = 4001, Level = LogLevel.Information, Message = "vice: serving volume {Volume} on {Endpoints}, data in {Data}, epoch {Epoch}")]
        private static partial void LogServing(ILogger log, string volume, string endpoints, string data, ulong epoch);

        [LoggerMessage(EventId = 4002, Level = LogLevel.Information, Message = "vice: stopping")]
        private static partial void LogStopping(ILogger log);

        [LoggerMessage(EventId = 4003, Level = LogLevel.Information, Message = "vice: stopped")]
        private static partial void LogStopped(ILogger log);
    }
}

/// <summary>The threads of a daemon that wait for its disk.</summary>
public sealed class DiskPools : IDisposable
{
    private const int MetadataThreads = 8, ReadingThreads = 16, WritingThreads = 16, SyncingThreads = 16;

    private readonly BlockingPool _metadata = new(MetadataThreads, "vice metadata"), _reads = new(ReadingThreads, "vice read");
    private readonly BlockingPool _writes = new(WritingThreads, "vice write"), _syncs = new(SyncingThreads, "vice sync");

    public DiskPools()
    {
        Threads = new DiskThreads(_metadata, _reads, _writes, _syncs);
        // So many of the pool may wait for the disk; the others stay what they were.
        ThreadPool.GetMinThreads(out int workers, out int completions);
        ThreadPool.SetMinThreads(workers + DiskThreads.MostCallers, completions);
    }

    public DiskThreads Threads { get; }

    public void Dispose()
    {
        _metadata.Dispose();
        _reads.Dispose();
        _writes.Dispose();
        _syncs.Dispose();
    }
}

/// <summary>What <c>vice serve</c> was told.</summary>
public sealed record ServeOptions
{
    public required string Data { get; init; }

    public required IReadOnlyList<RpcEndpoint> Listen { get; init; }

    /// <summary>Null: TCP is in clear.</summary>
    public ServerCertificate? Certificate { get; init; }

    public ViceOptions Vice { get; init; } = new();

    /// <summary>How long calls that run may take to end when the server stops.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What is shown of the server, and to whom.</summary>
    public AdminOptions Admin { get; init; } = new();

    /// <summary>Written once the server takes calls; null: none.</summary>
    public string? ReadyFile { get; init; }
}

/// <summary>Who this process acts as (geteuid(2)).</summary>
internal static partial class Account
{
    public static uint EffectiveUserId => GetUid();

    public static uint EffectiveGroupId => GetGid();

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetUid();

    [LibraryImport("libc", EntryPoint = "getegid")]
    private static partial uint GetGid();
}

/// <summary>Something that the administrator must put right before the program can do its work. The message is one line, for them.</summary>
public sealed class StartException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What vice ends with; its help and vice(8) list them.</summary>
public static class ExitCode
{
    public const int Ok = 0;

    /// <summary>salvage and scrub: there are problems. status: the server didn't answer.</summary>
    public const int Problems = 1;

    /// <summary>The command line or the configuration file is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The data, an address or a certificate can't be used. One line says why.</summary>
    public const int CannotStart = 3;

    /// <summary>The server met a broken invariant, or its disk failed so that it can't go on.</summary>
    public const int Failed = 4;
}
