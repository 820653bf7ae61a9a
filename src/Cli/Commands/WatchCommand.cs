using System.CommandLine;

namespace Afs.Cli;

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
