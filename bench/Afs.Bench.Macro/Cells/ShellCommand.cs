using System.Diagnostics;

namespace Afs.Bench.Macro.Cells;

/// <summary>A program that is run to its end.</summary>
public static class ShellCommand
{
    public const int DefaultTimeoutMs = 600_000;

    /// <returns>What it wrote to standard output.</returns>
    /// <exception cref="InvalidOperationException">It failed or didn't end in time; the message carries its error output.</exception>
    public static string Run(
        string program, IReadOnlyList<string> arguments, string? directory = null, int timeoutMs = DefaultTimeoutMs)
    {
        (bool ended, int code, string output, string error) = Execute(program, arguments, directory, timeoutMs);
        if (!ended)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} took more than {timeoutMs} ms and was killed.");
        if (code != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with code {code}: {error}");
        return output;
    }

    /// <returns>Whether it succeeded; for clean-up, where the next step doesn't depend on it.</returns>
    public static bool Try(string program, IReadOnlyList<string> arguments, int timeoutMs)
    {
        (bool ended, int code, _, _) = Execute(program, arguments, null, timeoutMs);
        return ended && code == 0;
    }

    public static bool Exists(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d => File.Exists(Path.Combine(d, program)));

    private static (bool Ended, int Code, string Output, string Error) Execute(
        string program, IReadOnlyList<string> arguments, string? directory, int timeoutMs)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? "/",
        };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (process.WaitForExit(timeoutMs))
            return (true, process.ExitCode, output.Result, error.Result);
        process.Kill(entireProcessTree: true);
        return (false, -1, "", "");
    }
}
