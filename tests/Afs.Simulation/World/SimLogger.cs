using Microsoft.Extensions.Logging;

namespace Afs.Simulation;

/// <summary>What a host logs becomes part of the story. An error with an exception is one that the product has no name for: a broken invariant.</summary>
internal sealed class SimLogger(SimHost host) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (host.IsDead || !IsEnabled(logLevel))
            return;
        host.Tell($"{logLevel}: {formatter(state, exception)}");
        if (logLevel >= LogLevel.Error && exception is not null and not HostDiedException)
            host.World.Violated($"{host.Name} failed: {formatter(state, exception)}: {exception.Message}", exception);
    }
}
