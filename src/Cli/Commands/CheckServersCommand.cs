using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Afs.Cli;

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
