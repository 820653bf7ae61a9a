using System.CommandLine;
using System.Text.Json;
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

/// <summary>`venus status [MOUNTPOINT] [--json]`.</summary>
internal static class StatusCommand
{
    private static readonly Argument<string?> MountPointPath = new("mountpoint") { Arity = ArgumentArity.ZeroOrOne, Description = "One mount; all of this user where left out." };
    private static readonly Option<bool> Json = new("--json") { Description = "For programs." };

    public static Command Create()
    {
        var command = new Command("status", "Show mounts, their server and cache.") { MountPointPath, Json };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(MountPointPath), parsed.GetValue(Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string? mountPoint, bool json, CancellationToken cancellation)
    {
        IReadOnlyList<StatusReport> reports = mountPoint is null
            ? await AskAllAsync(cancellation)
            : [(await ControlClient.AskAsync(MountedPath.Normalize(mountPoint), new ControlRequest(ControlOperations.Status), cancellation)).Status!];
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(reports, ControlJson.Indented.IReadOnlyListStatusReport));
        else
            StatusText.Write(Console.Out, reports);
        return (int)ExitCode.Done;
    }

    private static async Task<IReadOnlyList<StatusReport>> AskAllAsync(CancellationToken cancellation)
    {
        StatusReport?[] reports = await Task.WhenAll(ControlSocket.All().Select(socket => TryAskAsync(socket, cancellation)));
        return [.. reports.OfType<StatusReport>()];
    }

    /// <summary>Null: no daemon, or one that doesn't answer, which is said: it keeps nobody from hearing of the others.</summary>
    private static async Task<StatusReport?> TryAskAsync(string socket, CancellationToken cancellation)
    {
        try
        {
            return (await ControlClient.TryAskSoonAsync(socket, new ControlRequest(ControlOperations.Status), cancellation))?.Status;
        }
        catch (ControlException e)
        {
            Console.Error.WriteLine($"venus: {socket}: {e.Message}");
            return null;
        }
    }
}

/// <summary>A status for people.</summary>
internal static class StatusText
{
    public static void Write(TextWriter output, IReadOnlyList<StatusReport> reports)
    {
        if (reports.Count == 0)
            output.WriteLine("Nothing is mounted.");
        foreach (StatusReport report in reports)
            Write(output, report);
    }

    private static void Write(TextWriter output, StatusReport report)
    {
        string trust = report.HasLease ? "in touch, the cache is trusted" : "not in touch, the cache is suspect";
        output.WriteLine($"{report.MountPoint}  {report.Server}  (pid {report.ProcessId}, io by {report.Io})");
        if (report.IsServingDisconnected)
            trust = "not in touch, READS ARE SERVED FROM THE CACHE and may be old";
        if (report.SupervisorId is { } supervisor)
            output.WriteLine($"  daemon    supervised by {supervisor}, restarted {report.Restarts} times");
        output.WriteLine($"  server    {trust}{(report.Trouble is null ? "" : $"; no connection: {report.Trouble}")}");
        output.WriteLine($"  cache     {report.CacheFolder}: {ToMebibytes(report.CacheBytes)} of {ToMebibytes(report.CacheLimitBytes)} MiB, {report.CacheFiles} files");
        if (report.CacheTrouble is { } cacheTrouble)
            output.WriteLine($"  disk      THE CACHE'S DISK REFUSES: {cacheTrouble}");
        output.WriteLine($"  dirty     {report.DirtyFiles} files not stored yet, {report.RecoveredFiles} recovered (venus recovered)");
        if (report.WriteBehind is { } behind)
            output.WriteLine($"  behind    {behind.Changes} changes wait for the server, {behind.Bytes} bytes, the oldest for {behind.OldestMs} ms; {behind.Refused} refused");
        output.WriteLine($"  kernel    {report.Nodes} nodes");
        WriteFigures(output, "figures", report.Figures);
        WriteFigures(output, "calls", report.Calls);
    }

    private static void WriteFigures(TextWriter output, string title, IReadOnlyDictionary<string, long> figures)
    {
        string line = string.Join(", ", figures.Where(f => f.Value != 0).Select(f => $"{f.Key} {f.Value}"));
        output.WriteLine($"  {title,-9} {line}");
    }

    private static long ToMebibytes(long bytes) => bytes >> 20;
}

/// <summary>`venus flush [PATH]`: stores all that is dirty in the mount that the path lies in, or in all mounts.</summary>
internal static class FlushCommand
{
    private static readonly Argument<string?> AnyPath = new("path") { Arity = ArgumentArity.ZeroOrOne, Description = "A mount point or anything in it; all mounts of this user where left out." };

    public static Command Create()
    {
        var command = new Command("flush", "Store all changes that are not stored yet.") { AnyPath };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(AnyPath), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string? path, CancellationToken cancellation)
    {
        IEnumerable<string> sockets = path is null ? ControlSocket.All() : [SocketOf(path)];
        ExitCode code = ExitCode.Done;
        foreach (string socket in sockets)
        {
            ControlReply? reply = await ControlClient.TryAskAsync(socket, new ControlRequest(ControlOperations.Flush), cancellation);
            if (reply is null && path is not null)
                throw new HostingException(ExitCode.NotMounted, $"No venus is mounted at {path}.");
            if (reply?.Message is { } message)
                Console.Error.WriteLine($"venus: {message}");
            if (reply is not null and not { Code: ExitCode.Done })
                code = reply.Code;
        }

        return (int)code;
    }

    private static string SocketOf(string path) => MountedPath.FindMountOf(path) is { } mountPoint
        ? ControlSocket.PathOf(mountPoint)
        : throw new HostingException(ExitCode.NotMounted, $"{path} is in no mount of a venus.");
}

/// <summary>`venus unmount MOUNTPOINT [--force]`.</summary>
internal static class UnmountCommand
{
    private static readonly Argument<string> MountPointPath = new("mountpoint");
    private static readonly Option<bool> Force = new("--force") { Description = "Also where files are in use, and a stale mount of a dead daemon." };

    public static Command Create()
    {
        var command = new Command("unmount", "Store what is dirty, unmount, and end the daemon.") { MountPointPath, Force };
        command.SetAction((parsed, cancellation) => RunAsync(MountedPath.Normalize(parsed.GetRequiredValue(MountPointPath)), parsed.GetValue(Force), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string mountPoint, bool force, CancellationToken cancellation)
    {
        var request = new ControlRequest(ControlOperations.Unmount, force);
        ControlReply? reply = await ControlClient.TryAskAsync(ControlSocket.PathOf(mountPoint), request, cancellation);
        if (reply is null)
        {
            DetachStale(mountPoint, force);
            return (int)ExitCode.Done;
        }

        if (reply.Message is not null)
            Console.Error.WriteLine($"venus: {reply.Message}");
        return (int)reply.Code;
    }

    private static void DetachStale(string mountPoint, bool force)
    {
        if (!StaleDaemon.Left(mountPoint))
            throw new HostingException(ExitCode.NotMounted, $"No venus is mounted at {mountPoint}.");
        if (!force)
            throw new HostingException(ExitCode.StaleMount, $"The daemon of {mountPoint} died; --force takes the mount away. What it had not stored is in its cache folder, and will be stored when it is mounted again.");
        if (!StaleDaemon.TryTakeAway(mountPoint))
            throw new HostingException(ExitCode.Failed, $"The stale mount at {mountPoint} can't be taken away.");
    }
}

/// <summary>`venus recovered MOUNTPOINT [--json]`: changes that could not be stored where they belong, kept in the cache folder.</summary>
internal static class RecoveredCommand
{
    private static readonly Argument<string> MountPointPath = new("mountpoint");
    private static readonly Option<bool> Json = new("--json") { Description = "For programs." };

    public static Command Create()
    {
        var command = new Command("recovered", "List changes that could not be stored where they belong.") { MountPointPath, Json };
        command.SetAction((parsed, cancellation) => RunAsync(MountedPath.Normalize(parsed.GetRequiredValue(MountPointPath)), parsed.GetValue(Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string mountPoint, bool json, CancellationToken cancellation)
    {
        ControlReply reply = await ControlClient.AskAsync(mountPoint, new ControlRequest(ControlOperations.Recovered), cancellation);
        IReadOnlyList<RecoveredFile> files = reply.Recovered ?? [];
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(files, ControlJson.Indented.IReadOnlyListRecoveredFile));
        else
            Array.ForEach([.. files], f => Console.WriteLine($"{OneLine.Of(f.Path)}  (was {OneLine.Of(f.Original)}, {f.Fid}): {OneLine.Of(f.Reason)}"));
        return (int)ExitCode.Done;
    }
}
