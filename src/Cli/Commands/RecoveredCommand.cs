using System.CommandLine;
using System.Text.Json;

namespace Afs.Cli;

/// <summary>`afs recovered [PATH]`: changes that could not be stored where they belong.</summary>
internal static class RecoveredCommand
{
    private static readonly Argument<string?> AnyPath = PathArgument.OfMount();

    public static Command Create()
    {
        var command = new Command("recovered", "List changes that could not be stored where they belong, and where they are kept.") { AnyPath, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(AnyPath), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string? path, bool json, CancellationToken cancellation)
    {
        IReadOnlyList<ControlReply> replies = await MountSurvey.AskAsync(path, new ControlRequest(ControlOperations.Recovered), cancellation);
        List<RecoveredFile> files = [.. replies.SelectMany(static reply => reply.Recovered ?? [])];
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(files, ControlJson.Indented.IReadOnlyListRecoveredFile));
        else
            files.ForEach(static f => Console.WriteLine($"{OneLine.Of(f.Path)}  (was {OneLine.Of(f.Original)}, {f.Fid}): {OneLine.Of(f.Reason)}"));
        return (int)ExitCode.Done;
    }
}
