using System.CommandLine;
using Afs.CommandLines;

namespace Afs.Venus.Hosting;

/// <summary>The `venus` command: its parts, and how a failure is told.</summary>
internal static class VenusCommand
{
    public static RootCommand Create() => new("The client of the Afs distributed filesystem: mounts a volume through a cache on the local disk.")
    {
        MountCommand.Create(),
        UnmountCommand.Create(),
        StatusCommand.Create(),
        FlushCommand.Create(),
        RecoveredCommand.Create(),
    };

    public static async Task<int> RunAsync(string[] arguments)
    {
        // Signals are the mount's own matter.
        var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        try
        {
            ParseResult parsed = ConfiguredCommandLine.Parse(Create(), arguments);
            if (WrongUsage.Find("venus", parsed) is { } wrong)
                throw new ControlException(ExitCode.Usage, wrong);
            return await parsed.InvokeAsync(configuration);
        }
        catch (ControlException e)
        {
            Console.Error.WriteLine($"venus: {e.Message}");
            return (int)e.Code;
        }
        catch (ConfigurationException e)
        {
            Console.Error.WriteLine($"venus: {e.Message}");
            return (int)ExitCode.BadConfiguration;
        }
    }
}
