using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Afs.Vice.Tests.Processes;

/// <summary>The real program, as its own process.</summary>
public sealed partial class ViceProcess : IDisposable
{
    private const int SigTerm = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task<string> _errors, _output;

    private ViceProcess(Process process) =>
        (_process, _errors, _output) = (process, process.StandardError.ReadToEndAsync(), process.StandardOutput.ReadToEndAsync());

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public static ViceProcess Start(params string[] arguments)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "vice.dll");
        return new ViceProcess(Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!);
    }

    /// <summary>A server, once it takes calls.</summary>
    public static async Task<ViceProcess> ServeAsync(string folder, params string[] more)
    {
        string ready = Path.Combine(folder, "ready");
        File.Delete(ready);
        ViceProcess server = Start(["serve", "--data", Path.Combine(folder, "data"), "--ready-file", ready, .. more]);
        for (int i = 0; i < 6000 && !server.HasExited; i++)
        {
            if (File.Exists(ready))
                return server;
            await Task.Delay(10);
        }
        server._process.Kill();
        throw new InvalidOperationException($"The server did not start: {await server._errors}");
    }

    public void Kill() => _process.Kill();

    public void Terminate() => Assert.Equal(0, SendSignal(_process.Id, SigTerm));

    public async Task<(int Code, string Output, string Errors)> EndAsync()
    {
        await _process.WaitForExitAsync(new CancellationTokenSource(Patience).Token);
        return (_process.ExitCode, await _output, await _errors);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);
}
