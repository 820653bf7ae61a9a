using System.Diagnostics;
using Afs.Bench.Macro.Native;

namespace Afs.Bench.Macro.Cells;

/// <summary>A daemon that this benchmark started. Its output goes to a file, which is shown when it dies early.</summary>
public sealed class DaemonProcess : IDisposable
{
    private const int StopTimeoutMs = 15_000;
    private const int PollMs = 20;

    private readonly string _logFile;
    private readonly StreamWriter _log;
    private readonly Lock _logGate = new();

    public DaemonProcess(string name, string program, IEnumerable<string> arguments, string logFile)
    {
        Name = name;
        _logFile = logFile;
        _log = new StreamWriter(logFile, append: true) { AutoFlush = true };
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        Process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        Process.OutputDataReceived += (_, e) => Log(e.Data);
        Process.ErrorDataReceived += (_, e) => Log(e.Data);
        Process.BeginOutputReadLine();
        Process.BeginErrorReadLine();
    }

    public string Name { get; }

    public Process Process { get; }

    /// <summary>Waits until the daemon is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended, or wasn't ready in time; the message carries the end of its output.</exception>
    public void WaitUntil(Func<bool> isReady, int timeoutMs)
    {
        long start = Stopwatch.GetTimestamp();
        while (!isReady())
        {
            if (Process.HasExited)
                throw new InvalidOperationException($"{Name} ended with code {Process.ExitCode}:\n{LogTail()}");
            if (Stopwatch.GetElapsedTime(start).TotalMilliseconds > timeoutMs)
                throw new InvalidOperationException($"{Name} wasn't ready within {timeoutMs} ms:\n{LogTail()}");
            Thread.Sleep(PollMs);
        }
    }

    public bool WaitForExit(int timeoutMs) => Process.WaitForExit(timeoutMs);

    /// <summary>Stops all its threads where they are, until <see cref="Thaw"/>.</summary>
    public void Freeze() => LibC.Check(LibC.Kill(Process.Id, LibC.SignalStop), "kill", Name);

    public void Thaw() => LibC.Check(LibC.Kill(Process.Id, LibC.SignalContinue), "kill", Name);

    /// <summary>SIGTERM, and SIGKILL where that isn't heard.</summary>
    public void Dispose()
    {
        if (!Process.HasExited && LibC.Kill(Process.Id, LibC.SignalTerminate) == 0 && !Process.WaitForExit(StopTimeoutMs))
            Process.Kill();
        Process.WaitForExit();
        lock (_logGate)
            _log.Dispose();
        Process.Dispose();
    }

    private void Log(string? line)
    {
        lock (_logGate)
        {
            if (line is not null && _log.BaseStream is not null)
                _log.WriteLine(line);
        }
    }

    private string LogTail() => string.Join('\n', File.ReadLines(_logFile).TakeLast(20));
}
