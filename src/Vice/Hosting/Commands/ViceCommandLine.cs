using System.CommandLine;
using Afs.CommandLines;

namespace Afs.Vice.Hosting.Commands;

/// <summary>The program's commands.</summary>
public static class ViceCommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("The file server. Exit codes: 0 done; 1 problems found, or no answer; 2 wrong command line or configuration; 3 cannot start; 4 the server broke.")
        {
            ServeCommand.Create(),
            StatusCommand.Create(),
            SalvageCommand.Create(),
            ScrubCommand.Create(),
            VersionsCommand.Create(),
        };
        // Signals are the server's own; the library would end the process before it has drained.
        var configuration = new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false };
        try
        {
            ParseResult parsed = ConfiguredCommandLine.Parse(root, args);
            if (WrongUsage.Find("vice", parsed) is not { } wrong)
                return await parsed.InvokeAsync(configuration);
            Console.Error.WriteLine($"vice: {wrong}");
            return ExitCode.Usage;
        }
        catch (StartException e)
        {
            Console.Error.WriteLine($"vice: {e.Message}");
            return ExitCode.CannotStart;
        }
        catch (ConfigurationException e)
        {
            Console.Error.WriteLine($"vice: {e.Message}");
            return ExitCode.Usage;
        }
    }
}
