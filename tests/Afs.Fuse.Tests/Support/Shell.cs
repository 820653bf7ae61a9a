using System.Diagnostics;

namespace Afs.Fuse.Tests.Support;

/// <summary>Runs shell commands in processes of their own, which may touch a mount that this process must not.</summary>
internal static class Shell
{
    private const int TimeoutMs = 60_000;

    /// <summary>Runs a script with bash in a folder; what it printed, both streams together.</summary>
    public static (int ExitCode, string Output) Run(string folder, string script)
    {
        // The shell enters the folder itself: were it a mount that doesn't answer, starting a process in it would hang us.
        var start = new ProcessStartInfo("timeout", ["-k", "5", "50", "bash", "-c", $"cd \"$0\" && exec 2>&1; {script}", folder]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Assert.True(output.Wait(TimeoutMs), $"still running: {script}");
        process.WaitForExit();
        return (process.ExitCode, output.Result.TrimEnd());
    }

    /// <summary>Runs a script that must succeed.</summary>
    public static string Must(string folder, string script)
    {
        (int exitCode, string output) = Run(folder, $"set -e; {script}");
        Assert.True(exitCode == 0, $"exit {exitCode} of: {script}\n{output}");
        return output;
    }
}
