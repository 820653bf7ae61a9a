using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Afs.Daemons;

/// <summary>
/// SIGHUP, which by default ends a process without a line. A daemon opens its log file anew: whoever rotates logs says so by it.
/// At a terminal it says that the terminal is gone, and asks for a clean end.
/// </summary>
public sealed partial class HangUp : IDisposable
{
    private readonly PosixSignalRegistration _registration;
    private volatile LogFile? _file;

    /// <param name="isAtTerminal">The process is to end with its terminal.</param>
    /// <param name="end">Asks for a clean end.</param>
    /// <param name="passOn">Tells another process; throws nothing.</param>
    public HangUp(bool isAtTerminal, ILogger log, Action end, Action? passOn = null)
    {
        FindLog();
        _registration = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            if (isAtTerminal)
            {
                LogTerminalGone(log);
                end();
                return;
            }
            _file?.OpenAnew(log);
            LogHangUp(log);
            passOn?.Invoke();
        });
    }

    /// <summary>Somebody sits there who started it in the foreground.</summary>
    public static bool HasTerminal => !Console.IsInputRedirected;

    /// <summary>Where standard error goes by now, for who has left for the background since, and had no file before.</summary>
    public void FindLog() => _file ??= LogFile.OfStandardError();

    public void Dispose() => _registration.Dispose();

    [LoggerMessage(EventId = 11, Level = LogLevel.Information, Message = "SIGHUP: the log goes on here")]
    private static partial void LogHangUp(ILogger log);

    [LoggerMessage(EventId = 12, Level = LogLevel.Warning, Message = "SIGHUP: the terminal is gone")]
    private static partial void LogTerminalGone(ILogger log);

    /// <summary>The file that standard error goes to, by the name that it had at first: whoever rotates it renames it.</summary>
    private sealed partial class LogFile(string path)
    {
        private const int StandardError = 2, WriteOnly = 0x1, Create = 0x40, Append = 0x400, CloseOnExec = 0x80000, OwnerReadWrite = 0x180;

        /// <summary>Null: it is no file.</summary>
        public static LogFile? OfStandardError()
        {
            string? target = File.ResolveLinkTarget($"/proc/self/fd/{StandardError}", returnFinalTarget: false)?.FullName;
            return target is not null && File.Exists(target) && !target.StartsWith("/dev/", StringComparison.Ordinal) && !target.StartsWith("/proc/", StringComparison.Ordinal)
                ? new LogFile(target)
                : null;
        }

        public void OpenAnew(ILogger log)
        {
            int opened = Open(path, WriteOnly | Create | Append | CloseOnExec, OwnerReadWrite);
            if (opened < 0 || Duplicate(opened, StandardError) < 0)
                LogNotOpened(log, path, Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));
            if (opened >= 0)
                _ = Close(opened);
        }

        [LoggerMessage(EventId = 13, Level = LogLevel.Error, Message = "The log file {Path} can't be opened anew: {Reason}")]
        private static partial void LogNotOpened(ILogger log, string path, string reason);

        [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
        private static partial int Open(string path, int flags, int mode);

        [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
        private static partial int Duplicate(int from, int to);

        [LibraryImport("libc", EntryPoint = "close")]
        private static partial int Close(int descriptor);
    }
}
