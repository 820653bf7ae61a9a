using Microsoft.Extensions.Logging;

namespace Afs.Daemons;

/// <summary>One category of <see cref="DaemonLog"/>.</summary>
internal sealed class DaemonLogger(DaemonLog log) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        string text = formatter(state, exception);
        log.Write(logLevel, exception is null ? text : $"{text}: {exception}".ReplaceLineEndings(" | "));
    }
}
