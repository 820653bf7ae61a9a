using System.CommandLine;

namespace Afs.Cli;

/// <summary>`afs fetch PATH… [--recursive]`.</summary>
internal static class FetchCommand
{
    private static readonly Argument<string[]> Paths = PathArgument.Many();
    private static readonly Option<bool> Recursive = new("--recursive", "-r") { Description = "All that lies in the folders." };
    private static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "No progress bar." };

    public static Command Create()
    {
        var command = new Command("fetch", "Bring files into the cache.") { Paths, Recursive, Quiet, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetRequiredValue(Paths), parsed.GetValue(Recursive), parsed.GetValue(Quiet), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] paths, bool isRecursive, bool isQuiet, bool json, CancellationToken cancellation)
    {
        (Mount mount, IReadOnlyList<string> within) = MountFinder.FindAll(paths);
        var request = new ControlRequest(ControlOperations.Fetch, Paths: within, IsRecursive: isRecursive);
        IAsyncEnumerable<ControlReply> replies = ControlClient.AskAllAsync(mount.SocketPath, request, cancellation);
        ControlReply? last = null;
        if (json || isQuiet || Console.IsErrorRedirected)
        {
            await foreach (ControlReply reply in replies)
                last = reply;
        }
        else
            last = await ProgressBar.ShowAsync(replies);
        FetchProgress progress = mount.Check(last).Progress!;
        Console.WriteLine(json ? JsonLine.Of(progress) : $"{Counted.Of(progress.Files, "file")}, {ByteCount.Format(progress.Bytes)}, {(progress.Files == 1 ? "is" : "are")} in the cache.");
        return (int)ExitCode.Done;
    }
}
