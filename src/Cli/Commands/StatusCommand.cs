using System.CommandLine;
using System.Text.Json;

namespace Afs.Cli;

/// <summary>`afs status [PATH]`.</summary>
internal static class StatusCommand
{
    private static readonly Argument<string?> AnyPath = new("path") { Arity = ArgumentArity.ZeroOrOne, Description = "A mount point or anything in it; all mounts where left out." };

    public static Command Create()
    {
        var command = new Command("status", "Show mounts: server, lease, cache, changes not stored yet, hit rates.") { AnyPath, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(AnyPath), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string? path, bool json, CancellationToken cancellation)
    {
        var reports = new List<StatusReport>();
        foreach (Mount mount in MountFinder.AllOrOf(path))
        {
            ControlReply? reply = await ControlClient.TryAskAsync(mount.SocketPath, new ControlRequest(ControlOperations.Status), cancellation);
            if (reply is not null || path is not null)
                reports.Add(mount.Check(reply).Status!);
        }
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(reports, ControlJson.Indented.IReadOnlyListStatusReport));
        else if (reports.Count == 0)
            Console.WriteLine("Nothing is mounted.");
        else
            reports.ForEach(static report => StatusText.Write(Console.Out, report));
        return (int)ExitCode.Done;
    }
}
