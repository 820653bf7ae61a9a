using System.CommandLine;
using Afs.CommandLines;

namespace Afs.Venus.Hosting;

/// <summary>The `venus` command: its parts, and how a failure is told.</summary>
internal static class VenusCommand
{
    private const string Description = """
        The client of the Afs distributed filesystem: mounts a volume through a cache on the local disk.

        Exit codes: 0 done; 1 failed; 2 wrong command line; 3 the server can't be reached; 4 no such
        address; 5 no such volume; 6 bad mount point; 7 a stale mount; 8 in use; 9 the cache's folder
        can't be used; 10 no FUSE; 11 not permitted; 12 not mounted; 13 busy; 14 some changes could not
        be stored, they stay in the cache; 15 wrong configuration file.
        """;

    public static RootCommand Create() => new(Description)
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
