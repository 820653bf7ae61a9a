using System.CommandLine;
using System.Text.Json;

namespace Afs.Venus.Hosting;

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
        var reports = new List<StatusReport>();
        foreach (string socket in ControlSocket.All())
        {
            ControlReply? reply = await ControlClient.TryAskAsync(socket, new ControlRequest(ControlOperations.Status), cancellation);
            if (reply?.Status is { } status)
                reports.Add(status);
        }

        return reports;
    }
}
