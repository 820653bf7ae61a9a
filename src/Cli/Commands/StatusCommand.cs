using System.CommandLine;
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
