using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Hosting;

/// <summary>
/// Logs lines to standard error, each with its syslog priority in angle brackets, as systemd reads them (sd-daemon(3)); without where a person reads.
/// Written straight to the descriptor, so that a daemon that went into the background logs to what stands there then.
/// </summary>
internal sealed class DaemonLog : ILoggerProvider
{
    private const int StandardError = 2;

    private readonly Lock _lock = new();
    private readonly FileStream _output = new(new SafeFileHandle(StandardError, ownsHandle: false), FileAccess.Write, bufferSize: 0);
    private readonly bool _isForPeople = !Console.IsErrorRedirected;

    private DaemonLog()
    {
    }

    public static ILoggerFactory Create(LogLevel level) =>
        LoggerFactory.Create(builder => builder.SetMinimumLevel(level).AddProvider(new DaemonLog()));

    public ILogger CreateLogger(string categoryName) => new DaemonLogger(this);

    public void Dispose() => _output.Dispose();

    /// <summary>A log that can't be written must not end the daemon.</summary>
    public void Write(LogLevel level, string text)
    {
        string prefix = _isForPeople ? "" : $"<{PriorityOf(level)}>";
        byte[] line = System.Text.Encoding.UTF8.GetBytes($"{prefix}{text}\n");
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

    private static int PriorityOf(LogLevel level) => level switch
    {
        LogLevel.Critical => 2,
        LogLevel.Error => 3,
        LogLevel.Warning => 4,
        LogLevel.Information => 6,
        _ => 7,
    };
}
