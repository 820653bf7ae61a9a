using System.CommandLine;

namespace Afs.Cli;

/// <summary>The `afs` command: its parts, and how a failure is told.</summary>
internal static class AfsCommand
{
    private const string ExitCodes = """
        Exit codes: 0 done; 1 failed; 2 wrong command line; 3 a server can't be reached; 11 not permitted; 12 not in a mount;
        13 too many ask at once; 14 some changes could not be stored, they stay in the cache; 16 the cache is too small; 17 no such file or folder.
        """;

    public static RootCommand Create()
    {
        var root = new RootCommand($"""
            Shows and steers the mounts of the Afs distributed filesystem on this machine.
            A mount is made by `venus mount` and ended by `venus unmount`.

            {ExitCodes}
            """)
        {
            StatusCommand.Create(),
            ExamineCommand.Create(),
            WhereisCommand.Create(),
            FetchCommand.Create(),
            FlushCommand.Create(),
            WatchCommand.Create(),
            RecoveredCommand.Create(),
            CheckServersCommand.Create(),
            GetCacheParmsCommand.Create(),
            SetCacheSizeCommand.Create(),
        };
        root.Subcommands.Add(CompletionCommand.Create(root));
        return root;
    }

    public static async Task<int> RunAsync(string[] arguments)
    {
        ParseResult parsed = Create().Parse(arguments);
        if (parsed.Errors.Count > 0 && arguments.Length > 0)
        {
            // The last is the most specific.
            Console.Error.WriteLine($"afs: {SafeText.Of(parsed.Errors[^1].Message)} (afs --help says more.)");
            return (int)ExitCode.Usage;
        }
        try
        {
            int code = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
            return parsed.Errors.Count > 0 ? (int)ExitCode.Usage : code;
        }
        catch (ControlException e)
        {
            Console.Error.WriteLine($"afs: {e.Message}");
            return (int)e.Code;
        }
        catch (OperationCanceledException)
        {
            return (int)ExitCode.Failed;
        }
    }
}
