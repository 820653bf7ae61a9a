using System.CommandLine;

namespace Afs.Cli;

/// <summary>The `afs` command: its parts, and how a failure is told.</summary>
internal static class AfsCommand
{
    private const string ExitCodes = """
        Exit codes: 0 done; 1 failed; 2 wrong command line; 3 a server can't be reached;
        11 not permitted; 12 not in a mount; 13 too many ask at once; 14 some changes could not be
        stored, they stay in the cache; 16 the cache is too small; 17 no such file or folder.
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
            SyncCommand.Create(),
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
        ParseResult parsed = PlainParser.Parse(Create(), arguments);
        if (WrongUsage.Find("afs", parsed) is { } wrong)
        {
            Console.Error.WriteLine($"afs: {wrong}");
            return (int)ExitCode.Usage;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
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

/// <summary>The command line as it was typed. The runtime takes it for UTF-8 and replaces all else; names of files are any bytes.</summary>
internal static class CommandLineBytes
{
    /// <param name="arguments">As the runtime gives them: the last ones of the process.</param>
    /// <returns>The same as text that loses no byte (<see cref="ByteText"/>).</returns>
    public static string[] Read(string[] arguments)
    {
        if (!arguments.Any(static argument => argument.Contains('\uFFFD')))
            return arguments;
        byte[] all = File.ReadAllBytes("/proc/self/cmdline");
        var typed = new List<string>();
        for (int start = 0; start < all.Length;)
        {
            int end = Array.IndexOf(all, (byte)0, start);
            end = end < 0 ? all.Length : end;
            typed.Add(ByteText.Of(all.AsSpan(start, end - start)));
            start = end + 1;
        }
        return typed.Count < arguments.Length ? arguments : [.. typed[^arguments.Length..]];
    }
}
