using System.CommandLine;
using System.Text.Json;

namespace Afs.Cli;

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
