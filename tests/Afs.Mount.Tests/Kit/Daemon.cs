using System.Collections.Concurrent;
using System.Diagnostics;

namespace Afs.Mount.Tests.Kit;

/// <summary>A daemon as a child process, with what it said kept for the message of a test that fails.</summary>
internal sealed class Daemon : IDisposable
{
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    public Daemon(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, program)) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        Array.ForEach(arguments, start.ArgumentList.Add);
        Name = program;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Name { get; }

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    public string Output => string.Join('\n', _lines);

    /// <summary>SIGKILL: no word of farewell.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit(EndTimeout);
    }

    public void Signal(int number) => Commands.Run("kill", $"-{number}", Id.ToString());

    /// <summary>The exit code after SIGTERM.</summary>
    public int Terminate()
    {
        Signal(15);
        return WaitForEnd();
    }

    public int WaitForEnd() => _process.WaitForExit(EndTimeout) ? _process.ExitCode : throw new TimeoutException($"{Name} doesn't end.\n{Output}");

    /// <summary>Waits until it is ready; it must not end meanwhile.</summary>
    public async Task WaitUntilAsync(Func<bool> isReady)
    {
        bool came = await Eventually.IsAsync(() => HasEnded || isReady());
        if (!came || HasEnded)
            throw new InvalidOperationException($"{Name} did not start.\n{Output}");
    }

    public void Dispose()
    {
        if (!HasEnded)
            Kill();
        _process.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is not null)
            _lines.Enqueue(line.Data);
    }
}
