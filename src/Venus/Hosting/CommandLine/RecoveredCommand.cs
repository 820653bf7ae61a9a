using System.CommandLine;
using System.Text.Json;

namespace Afs.Venus.Hosting;

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
            Array.ForEach([.. files], f => Console.WriteLine($"{f.Path}  (was {f.Original}, {f.Fid}): {f.Reason}"));
        return (int)ExitCode.Done;
    }
}
