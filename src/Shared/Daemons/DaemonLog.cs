using System.Globalization;
using Afs.CommandLines;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Afs.Daemons;

/// <summary>
/// Logs lines to standard error, in the form that suits who reads there.
/// Written straight to the descriptor, so that a daemon that went into the background logs to what stands there then.
/// </summary>
public sealed class DaemonLog : ILoggerProvider
{
    private const int StandardError = 2;

    private readonly Lock _lock = new();
    private readonly FileStream _output = new(new SafeFileHandle(StandardError, ownsHandle: false), FileAccess.Write, bufferSize: 0);
    private readonly LogForm _form = ChooseForm();

    /// <summary>Makes loggers whose lines from <paramref name="level"/> up reach standard error: for a process that hosts no services.</summary>
    public static ILoggerFactory CreateFactory(LogLevel level) =>
        LoggerFactory.Create(builder => builder.SetMinimumLevel(level).AddProvider(new DaemonLog()));

    public ILogger CreateLogger(string categoryName) => new DaemonLogger(this);

    public void Dispose() => _output.Dispose();

    /// <summary>A log that can't be written must not end the daemon.</summary>
    internal void Write(LogLevel level, string text)
    {
        byte[] line = System.Text.Encoding.UTF8.GetBytes($"{LogLine.Begin(_form, level, TimeProvider.System.GetUtcNow())}{OneLine.Of(text)}\n");
        lock (_lock)
        {
            try
            {
                _output.Write(line);
            }
            catch (IOException)
            {
                // There is nowhere left to tell it.
            }
        }
    }

    /// <summary>systemd names the stream that goes to its journal in JOURNAL_STREAM (systemd.exec(5)).</summary>
    private static LogForm ChooseForm() =>
        Environment.GetEnvironmentVariable("JOURNAL_STREAM") is { Length: > 0 } ? LogForm.Journal
        : Console.IsErrorRedirected ? LogForm.File
        : LogForm.Terminal;
}

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

/// <summary>How a line of a daemon's log begins.</summary>
public static class LogLine
{
    /// <summary>What stands before the text.</summary>
    public static string Begin(LogForm form, LogLevel level, DateTimeOffset time) => form switch
    {
        LogForm.Terminal => "",
        LogForm.Journal => $"<{PriorityOf(level)}>",
        LogForm.File => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z '", CultureInfo.InvariantCulture) + NameOf(level),
        _ => throw new ArgumentOutOfRangeException(nameof(form), form, null),
    };

    /// <summary>syslog(3)'s priorities.</summary>
    private static int PriorityOf(LogLevel level) => level switch
    {
        LogLevel.Critical => 2,
        LogLevel.Error => 3,
        LogLevel.Warning => 4,
        LogLevel.Information => 6,
        _ => 7,
    };

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Critical => "critical ",
        LogLevel.Error => "error ",
        LogLevel.Warning => "warning ",
        LogLevel.Information => "info ",
        _ => "debug ",
    };
}

/// <summary>Who reads a daemon's log, and so how its lines begin.</summary>
public enum LogForm
{
    /// <summary>A terminal: the text alone.</summary>
    Terminal,

    /// <summary>systemd's journal, which keeps the time: the priority in angle brackets, as sd-daemon(3) says.</summary>
    Journal,

    /// <summary>A file or a pipe: time in UTC and level.</summary>
    File,
}
