using Microsoft.Extensions.Logging;

namespace Afs.Telemetry;

/// <summary>What the HTTP server says goes to the daemon's log, from warnings on.</summary>
internal sealed class ForwardingLogs(ILogger log) : ILoggerProvider, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && log.IsEnabled(logLevel);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
            log.Log(logLevel, eventId, state, exception, formatter);
    }

    public void Dispose()
    {
    }
}
