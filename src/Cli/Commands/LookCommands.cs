using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Afs.Cli;

/// <summary>`afs status [PATH]`.</summary>
internal static class StatusCommand
{
    private static readonly Argument<string?> AnyPath = PathArgument.OfMount();

    public static Command Create()
    {
        var command = new Command("status", "Show mounts: server, lease, cache, changes not stored yet, hit rates.") { AnyPath, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(AnyPath), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string? path, bool json, CancellationToken cancellation)
    {
        IReadOnlyList<ControlReply> replies = await MountSurvey.AskAsync(path, new ControlRequest(ControlOperations.Status), cancellation);
        List<StatusReport> reports = [.. replies.Select(static reply => reply.Status).OfType<StatusReport>()];
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(reports, ControlJson.Indented.IReadOnlyListStatusReport));
        else if (reports.Count == 0)
            Console.WriteLine("Nothing is mounted.");
        else
            reports.ForEach(static report => StatusText.Write(Console.Out, report));
        return (int)ExitCode.Done;
    }
}

/// <summary>`afs examine PATH…`.</summary>
internal static class ExamineCommand
{
    private static readonly Argument<string[]> Paths = PathArgument.Many();

    public static Command Create()
    {
        var command = new Command("examine", "Show what is known of files: fid, versions, promise, whether they are cached and stored.") { Paths, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetRequiredValue(Paths), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] paths, bool json, CancellationToken cancellation)
    {
        (Mount mount, IReadOnlyList<string> within) = MountFinder.FindAll(paths);
        ControlReply reply = await mount.AskAsync(new ControlRequest(ControlOperations.Examine, Paths: within), cancellation);
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(reply.Vnodes!, ControlJson.Indented.IReadOnlyListVnodeReport));
        else
            Array.ForEach([.. reply.Vnodes!], Print);
        return (int)ExitCode.Done;
    }

    private static void Print(VnodeReport vnode)
    {
        Console.WriteLine($"{OneLine.Of(vnode.Path)}  {vnode.Type}, {ByteCount.Format(vnode.LengthBytes)}, mode {vnode.Mode}, owner {vnode.Uid}:{vnode.Gid}");
        Console.WriteLine($"  fid        {vnode.Fid} of volume {vnode.Volume} on {vnode.Server}");
        Console.WriteLine($"  version    data {vnode.DataVersion}, status {vnode.StatusVersion}");
        Console.WriteLine($"  promise    {(vnode.IsPromised ? "held: the server tells before it changes" : "none: the server is asked before it is used")}");
        Console.WriteLine($"  cached     {Cached(vnode)}");
        if (vnode.Type == "file")
            Console.WriteLine($"  changes    {(vnode.IsDirty ? "not stored yet" : "none")}{(vnode.IsOpenForWriting ? ", open for writing" : vnode.IsOpen ? ", open" : "")}");
    }

    private static string Cached(VnodeReport vnode)
    {
        if (vnode.Type == "directory")
            return vnode.IsCached ? "its entries" : "no";
        if (vnode.IsCached)
            return $"whole, {ByteCount.Format(vnode.CachedBytes)} on the local disk";
        return vnode.CachedVersion is { } old ? $"only version {old}, {ByteCount.Format(vnode.CachedBytes)}" : "no";
    }
}

/// <summary>`afs whereis PATH…`.</summary>
internal static class WhereisCommand
{
    private static readonly Argument<string[]> Paths = PathArgument.Many();

    public static Command Create()
    {
        var command = new Command("whereis", "Show which server and volume files are on.") { Paths, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetRequiredValue(Paths), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] paths, bool json, CancellationToken cancellation)
    {
        (Mount mount, IReadOnlyList<string> within) = MountFinder.FindAll(paths);
        ControlReply reply = await mount.AskAsync(new ControlRequest(ControlOperations.Whereis, Paths: within), cancellation);
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(reply.Vnodes!, ControlJson.Indented.IReadOnlyListVnodeReport));
        else
            Array.ForEach([.. reply.Vnodes!], static v => Console.WriteLine($"{OneLine.Of(v.Path)} is on server {v.Server}, volume {v.Volume}"));
        return (int)ExitCode.Done;
    }
}

/// <summary>`afs checkservers [PATH]`: asks the server of each mount.</summary>
internal static class CheckServersCommand
{
    private static readonly Argument<string?> AnyPath = PathArgument.OfMount();
    private static readonly Option<int> TimeoutMs = new Option<int>("--timeout-ms") { HelpName = "MS", Description = "How long to wait for an answer.", DefaultValueFactory = _ => 3_000 }.Within(1, int.MaxValue);

    public static Command Create()
    {
        var command = new Command("checkservers", "Ask the servers whether they are there. Ends with 3 if one is not.") { AnyPath, TimeoutMs, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(AnyPath), parsed.GetValue(TimeoutMs), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string? path, int timeoutMs, bool json, CancellationToken cancellation)
    {
        var reports = new List<ServerReport>();
        foreach (Mount mount in MountFinder.AllOrOf(path))
        {
            var request = new ControlRequest(ControlOperations.CheckServers, TimeoutMs: timeoutMs);
            ControlReply? reply = await ControlClient.TryAskAsync(mount.SocketPath, request, cancellation);
            // One that is down is a refusal with a report.
            if (reply?.Server is { } server)
                reports.Add(server);
            else if (path is not null)
                mount.Check(reply);
        }
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(reports, ControlJson.Indented.IReadOnlyListServerReport));
        else
            reports.ForEach(static report => Console.WriteLine(Describe(report)));
        return (int)(reports.All(static report => report.IsUp) ? ExitCode.Done : ExitCode.ServerUnreachable);
    }

    private static string Describe(ServerReport report) => report.IsUp
        ? string.Create(CultureInfo.InvariantCulture, $"{report.Server}: up, answered in {report.RoundTripMs:0.0} ms; vice {OneLine.Of(report.Version)}, epoch {report.Epoch}, since {TimeSpan.FromMilliseconds(report.UptimeMs ?? 0):d\\.hh\\:mm\\:ss}")
        : $"{report.Server}: DOWN: {OneLine.Of(report.Trouble)}";
}

/// <summary>`afs watch PATH [--recursive] [--count N]`: changes by other clients, as the server breaks its promises for them.</summary>
internal static class WatchCommand
{
    private static readonly Argument<string> AnyPath = PathArgument.One("A file, or a folder with what is in it.");
    private static readonly Option<bool> Recursive = new("--recursive", "-r") { Description = "With all folders below." };
    private static readonly Option<long?> Count = new Option<long?>("--count", "-n") { HelpName = "N", Description = "End after so many changes." }.Within(1, long.MaxValue);

    public static Command Create()
    {
        var command = new Command("watch", "Print what other clients change, as it happens, until interrupted.") { AnyPath, Recursive, Count, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetRequiredValue(AnyPath), parsed.GetValue(Recursive), parsed.GetValue(Count) ?? long.MaxValue, parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string path, bool isRecursive, long count, bool json, CancellationToken cancellation)
    {
        MountedFile file = MountFinder.Find(path);
        var request = new ControlRequest(ControlOperations.Watch, Paths: [file.Path], IsRecursive: isRecursive);
        bool isAnswered = false;
        try
        {
            await foreach (ControlReply reply in ControlClient.AskAllAsync(file.Mount.SocketPath, request, cancellation))
            {
                isAnswered = true;
                ChangeReport change = file.Mount.Check(reply).Change!;
                Console.WriteLine(json ? JsonLine.Of(change) : ChangeText.Of(change));
                Console.Out.Flush();
                if (ChangeText.IsOfOthers(change.Kind) && --count <= 0)
                    return (int)ExitCode.Done;
            }
        }
        catch (ControlException e) when (isAnswered && e.InnerException is IOException)
        {
            throw new ControlException(ExitCode.NotMounted, "The mount has ended.", e);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return (int)ExitCode.Done; // Ctrl-C is how a watch ends.
        }
        file.Mount.Check(null);
        return (int)ExitCode.NotMounted;
    }
}
