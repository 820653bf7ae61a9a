using System.Runtime.InteropServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Afs.Daemons;

/// <summary>
/// What both daemons' Generic Hosts have in common: our log, our signals, and one place that hears what ends a daemon though nobody asked for it.
/// A host begins empty: what a daemon is told comes from its command line and its YAML file alone, never from the folder that it is started in.
/// Hosted services start in the order in which they are added, and stop in the reverse order, each by its own bounds of time.
/// </summary>
public static class DaemonHost
{
    /// <param name="category">Of the log that services get as <see cref="ILogger"/>.</param>
    /// <param name="signals">What signals do.</param>
    public static HostApplicationBuilder CreateBuilder(string category, LogLevel level, SignalRules signals)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = category });
        // What a host logs of a failed start or a failed service, the daemon says itself.
        builder.Logging.SetMinimumLevel(level).AddFilter("Microsoft", LogLevel.Warning).AddFilter("Microsoft.Extensions.Hosting", LogLevel.None).AddProvider(new DaemonLog());
        builder.Services
            .AddSingleton(services => services.GetRequiredService<ILoggerFactory>().CreateLogger(category))
            .AddSingleton(signals)
            .AddSingleton<IHostLifetime, SignalLifetime>()
            .AddSingleton<DaemonFailure>()
            .Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        return builder;
    }

    /// <summary>Runs the services until somebody asks for the end, or one of them fails.</summary>
    /// <returns>What ended it though nobody asked; null: it ended as it was asked to.</returns>
    /// <remarks>What a service throws at its start leaves here as it is; what has started by then is disposed.</remarks>
    public static async Task<Exception?> RunAsync(IHost host)
    {
        await using var disposable = (IAsyncDisposable)host;
        await host.StartAsync();
        await host.WaitForShutdownAsync();
        return host.Services.GetRequiredService<DaemonFailure>().Cause;
    }
}

/// <summary>The first failure after which the daemon can't go on. To tell it logs it, and ends the daemon.</summary>
public sealed partial class DaemonFailure(IHostApplicationLifetime life, ILogger log)
{
    private readonly TaskCompletionSource<Exception> _happened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends with it.</summary>
    public Task<Exception> Happened => _happened.Task;

    /// <summary>Null: none has happened.</summary>
    public Exception? Cause => _happened.Task.IsCompletedSuccessfully ? _happened.Task.Result : null;

    public void Tell(Exception failure)
    {
        if (_happened.TrySetResult(failure))
            LogFailed(log, failure);
        life.StopApplication();
    }

    [LoggerMessage(EventId = 14, Level = LogLevel.Critical, Message = "A broken invariant ends the daemon")]
    private static partial void LogFailed(ILogger log, Exception failure);
}

/// <summary>A hosted service that works in the background for as long as the daemon runs. What it throws is never lost: it ends the daemon.</summary>
public abstract class WatchedService(DaemonFailure failure) : BackgroundService
{
    /// <summary>Until <paramref name="stop"/>.</summary>
    protected abstract Task RunAsync(CancellationToken stop);

    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RunAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // It was told to stop.
        }
        catch (Exception e)
        {
            failure.Tell(e);
        }
    }
}

/// <summary>What signals do to a daemon.</summary>
public sealed record SignalRules
{
    /// <summary>The exit code of a process that a second SIGTERM or SIGINT ends at once.</summary>
    public required Func<PosixSignal, int> SecondSignalCode { get; init; }

    /// <summary>SIGHUP says that the terminal is gone, and asks for a clean end (<see cref="HangUp"/>).</summary>
    public required bool EndsWithTerminal { get; init; }
}

/// <summary>SIGTERM and SIGINT: the first asks the daemon to stop, the second ends the process at once. SIGHUP: <see cref="HangUp"/>.</summary>
internal sealed class SignalLifetime(SignalRules rules, IHostApplicationLifetime life, ILogger log) : IHostLifetime, IDisposable
{
    private readonly List<IDisposable> _registrations = [];
    private int _count;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (PosixSignal signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT })
            _registrations.Add(PosixSignalRegistration.Create(signal, Handle));
        var hangUp = new HangUp(rules.EndsWithTerminal, log, life.StopApplication);
        _registrations.Add(hangUp);
        _registrations.Add(life.ApplicationStarted.Register(hangUp.FindLog));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _count) > 1)
            Environment.Exit(rules.SecondSignalCode(context.Signal));
        life.StopApplication();
    }
}
