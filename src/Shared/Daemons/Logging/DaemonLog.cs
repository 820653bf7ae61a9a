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

    private DaemonLog()
    {
    }

    /// <summary>Makes loggers whose lines from <paramref name="level"/> up reach standard error.</summary>
    public static ILoggerFactory Create(LogLevel level) =>
        LoggerFactory.Create(builder => builder.SetMinimumLevel(level).AddProvider(new DaemonLog()));

    public ILogger CreateLogger(string categoryName) => new DaemonLogger(this);

    public void Dispose() => _output.Dispose();

    /// <summary>A log that can't be written must not end the daemon.</summary>
    internal void Write(LogLevel level, string text)
    {
        byte[] line = System.Text.Encoding.UTF8.GetBytes($"{LogLine.Begin(_form, level, TimeProvider.System.GetUtcNow())}{text}\n");
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
