using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Afs.Venus.Hosting;

/// <summary>A daemon that a supervisor started: this program again, with the descriptor of the mount.</summary>
internal sealed partial class DaemonProcess : IDisposable
{
    public const string Ready = "ready";

    private const int SigTerm = 15, SigKill = 9;

    private readonly Process _process;

    private DaemonProcess(Process process) => _process = process;

    public int Id => _process.Id;

    /// <exception cref="HostingException">It can't be started.</exception>
    public static DaemonProcess Start(Supervision supervision)
    {
        ProcessStartInfo start = SelfStart.Make();
        start.RedirectStandardOutput = true;
        start.ArgumentList.Add(SupervisedOptions.Child.Name);
        start.ArgumentList.Add(supervision.ToString());
        return new DaemonProcess(Process.Start(start) ?? throw new HostingException(ExitCode.Failed, "The daemon can't be started."));
    }

    /// <summary>True: processes can use the mount. False: it ended before, or took too long and was killed.</summary>
    public async Task<bool> WaitReadyAsync(TimeSpan? atMost)
    {
        try
        {
            Task<string?> line = _process.StandardOutput.ReadLineAsync();
            return await (atMost is { } limit ? line.WaitAsync(limit) : line) == Ready;
        }
        catch (TimeoutException)
        {
            Signal(SigKill);
            return false;
        }
    }

    /// <summary>Its exit code; null: it was killed, or crashed.</summary>
    public async Task<ExitCode?> WaitForEndAsync()
    {
        await _process.WaitForExitAsync();
        return Enum.IsDefined((ExitCode)_process.ExitCode) ? (ExitCode)_process.ExitCode : null;
    }

    public void Terminate() => Signal(SigTerm);

    public void Dispose() => _process.Dispose();

    private void Signal(int number)
    {
        if (!_process.HasExited && Kill(_process.Id, number) != 0 && !_process.HasExited)
            throw new HostingException(ExitCode.Failed, string.Create(CultureInfo.InvariantCulture, $"The daemon {_process.Id} can't be signalled."));
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
