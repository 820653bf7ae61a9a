using Afs.Daemons;
using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Hosting.Admin;
using Afs.Vice.Hosting.Data;
using Afs.Vice.Service;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Hosting;

/// <summary>
/// A server with real sockets, threads and clocks: opens its data, serves until told to stop, drains, and closes. It comes up by itself
/// after a crash: the database rolls back what wasn't committed, and contents that nothing refers to are deleted.
/// </summary>
public sealed partial class ServerHost(ServeOptions options, ILogger log)
{
    private const int BlockingThreads = 16;
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly ServiceNotifier _manager = ServiceNotifier.FromEnvironment();
    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Serves until <paramref name="stop"/>. The value is the exit code.</summary>
    /// <exception cref="StartException">It can't.</exception>
    public async Task<int> RunAsync(CancellationToken stop)
    {
        int openFiles = OpenFileLimit.Raise();
        using DataFolder data = DataFolder.Open(options.Data, mayCreate: true, openFiles);
        using var commits = new CommitThread(callersCommit: true);
        using var blocking = new BlockingPool(BlockingThreads);
        using Observation? seen = options.Admin.IsOn ? new Observation() : null;
        ViceServer vice = MakeServer(data, commits, blocking, seen);
        commits.Start(vice.Committer, e => _failed.TrySetResult(e));
        await using RpcServer rpc = MakeRpc(vice, seen, openFiles);
        await ListenAsync(rpc, stop);
        await using ViceAdmin? admin = seen is null ? null : await StartAdminAsync(data, vice, rpc, seen);
        AnnounceReady(rpc, vice);
        Task<int> orphans = blocking.RunAsync(vice.SweepOrphans);

        bool hasFailed = await ServeAsync(vice, stop);
        _manager.Stopping();
        LogStopping(log);
        await rpc.StopAsync(hasFailed ? TimeSpan.Zero : options.Drain);
        await ReportAsync(orphans);
        LogStopped(log);
        return hasFailed ? ExitCode.Failed : ExitCode.Ok;
    }

    private ViceServer MakeServer(DataFolder data, CommitThread commits, BlockingPool blocking, Observation? seen)
    {
        try
        {
            return new ViceServer(options.Vice, new ViceParts
            {
                Metadata = data.Metadata,
                Disk = data.Disk,
                Time = new BootTimeProvider(),
                Random = Random.Shared,
                Work = blocking,
                WakeCommitter = commits.Wake,
                LoneCallersGoOnAtCommit = true,
                Callbacks = channel => seen?.Observe(new VenusCallbacksClient(channel)) ?? new VenusCallbacksClient(channel),
                Log = log,
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

    private RpcServer MakeRpc(ViceServer vice, Observation? seen, int openFiles) => new(new RpcServerOptions
    {
        Transport = new SocketTransport(new SocketTransportOptions { ServerTls = options.Tls }),
        Endpoints = options.Listen,
        Dispatcher = new ViceServiceDispatcher(seen?.Observe(vice.Service) ?? vice.Service),
        Sessions = vice.Sessions,
        Replies = vice.Replies,
        Bulk = vice.Bulk,
        Time = new BootTimeProvider(),
        Random = new Random(),
        Limits = LimitsOf(openFiles),
        Log = log,
    });

    /// <summary>Connections have three quarters of the descriptors that aren't kept for what the server can't go on without.</summary>
    private static RpcLimits LimitsOf(int openFiles)
    {
        var limits = new RpcLimits();
        return limits with { Connections = Math.Clamp((openFiles - OpenFileLimit.Reserve) / 4 * 3, 1, limits.Connections) };
    }

    private Task<ViceAdmin> StartAdminAsync(DataFolder data, ViceServer vice, RpcServer rpc, Observation seen) => ViceAdmin.StartAsync(
        options.Admin, options.Vice, vice, rpc.Statistics, data.Metadata, seen,
        findBroken: () => _failed.Task.IsCompleted ? "a broken invariant ends the server" : null, log);

    private static async Task ListenAsync(RpcServer rpc, CancellationToken stop)
    {
        try
        {
            await rpc.StartAsync(stop);
        }
        catch (RpcEndpointException e)
        {
            throw new StartException(e.Message, e);
        }
    }

    private void AnnounceReady(RpcServer rpc, ViceServer vice)
    {
        LogServing(log, options.Vice.VolumeName, string.Join(", ", rpc.Endpoints), options.Data, vice.Sessions.Epoch.Value);
        if (options.ReadyFile is { } file)
            WriteReady(file, rpc.Endpoints);
        _manager.Ready($"serving {options.Vice.VolumeName} on {string.Join(", ", rpc.Endpoints)}");
    }

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

    /// <summary>True: something broke.</summary>
    private async Task<bool> ServeAsync(ViceServer vice, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(SweepInterval);
        Task<Exception> failed = _failed.Task;
        try
        {
            while (true)
            {
                ValueTask<bool> tick = timer.WaitForNextTickAsync(stop);
                if (await Task.WhenAny(tick.AsTask(), failed) == failed)
                {
                    LogFailed(log, await failed);
                    return true;
                }
                stop.ThrowIfCancellationRequested();
                await SweepAsync(vice);
                _manager.Alive();
            }
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task SweepAsync(ViceServer vice)
    {
        try
        {
            await vice.SweepAsync();
        }
        catch (Exception e) when (e is StorageException or DiskException)
        {
            LogSweepFailed(log, e.Message);
        }
    }

    private async Task ReportAsync(Task<int> orphans)
    {
        try
        {
            LogOrphans(log, await orphans);
        }
        catch (Exception e) when (e is StorageException or DiskException)
        {
            LogSweepFailed(log, e.Message);
        }
    }

    [LoggerMessage(EventId = 4001, Level = LogLevel.Information, Message = "vice: serving volume {Volume} on {Endpoints}, data in {Data}, epoch {Epoch}")]
    private static partial void LogServing(ILogger log, string volume, string endpoints, string data, ulong epoch);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Information, Message = "vice: stopping")]
    private static partial void LogStopping(ILogger log);

    [LoggerMessage(EventId = 4003, Level = LogLevel.Information, Message = "vice: stopped")]
    private static partial void LogStopped(ILogger log);

    [LoggerMessage(EventId = 4004, Level = LogLevel.Critical, Message = "vice: a broken invariant ends the server")]
    private static partial void LogFailed(ILogger log, Exception e);

    [LoggerMessage(EventId = 4005, Level = LogLevel.Error, Message = "Housekeeping failed and is tried again: {Reason}")]
    private static partial void LogSweepFailed(ILogger log, string reason);

    [LoggerMessage(EventId = 4006, Level = LogLevel.Debug, Message = "{Count} contents that an earlier life left were deleted")]
    private static partial void LogOrphans(ILogger log, int count);
}
