using System.Diagnostics;

namespace Afs.Mount.Tests.Kit;

/// <summary>Runs short commands as child processes, each with a time limit: a mount that hangs must not hang the tests.</summary>
internal static class Commands
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan OutputLimit = TimeSpan.FromSeconds(5);

    public static CommandResult Run(string program, params string[] arguments) => Run(Limit, program, arguments);

    public static CommandResult Run(TimeSpan limit, string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill();
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} doesn't end.");
        }

        // Whoever it left behind with its descriptors is not waited for.
        return Task.WaitAll([output, errors], OutputLimit)
            ? new CommandResult(process.ExitCode, output.Result, errors.Result)
            : throw new TimeoutException($"{program} {string.Join(' ', arguments)} ended, but not its output.");
    }

    public static Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        Array.ForEach(arguments, start.ArgumentList.Add);
        return Process.Start(start)!;
    }
}
