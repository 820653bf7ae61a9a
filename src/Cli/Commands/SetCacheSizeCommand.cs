using System.CommandLine;
using System.Text.Json;

namespace Afs.Cli;

/// <summary>`afs setcachesize SIZE [PATH]`: at once, and until the mount ends.</summary>
internal static class SetCacheSizeCommand
{
    private static readonly Argument<long> Size = new("size") { Description = "E.g. 500M, 10G, or bytes.", CustomParser = ByteCount.ParsePositive };
    private static readonly Argument<string?> AnyPath = PathArgument.OfMount("the only mount");

    public static Command Create()
    {
        var command = new Command("setcachesize", "Set how large a cache may be, until it is unmounted. What is too much goes at once.") { Size, AnyPath, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetRequiredValue(Size), parsed.GetValue(AnyPath), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(long bytes, string? path, bool json, CancellationToken cancellation)
    {
        Mount[] mounts = [.. MountFinder.AllOrOf(path)];
        if (mounts.Length != 1)
            throw new ControlException(ExitCode.Usage, mounts.Length == 0 ? "Nothing is mounted." : "There are several mounts; name one.");
        ControlReply reply = await mounts[0].AskAsync(new ControlRequest(ControlOperations.SetCacheSize, Bytes: bytes), cancellation);
        if (json)
            Console.WriteLine(JsonSerializer.Serialize([reply.Cache!], ControlJson.Indented.IReadOnlyListCacheParameters));
        else
            GetCacheParmsCommand.Print(reply.Cache!);
        if (reply.Message is not null)
            Console.Error.WriteLine($"afs: {reply.Message}");
        return (int)ExitCode.Done;
    }
}
