using System.CommandLine;
using System.Text.Json;

namespace Afs.Cli;

/// <summary>`afs getcacheparms [PATH]`.</summary>
internal static class GetCacheParmsCommand
{
    private static readonly Argument<string?> AnyPath = PathArgument.OfMount();

    public static Command Create()
    {
        var command = new Command("getcacheparms", "Show how large the caches are and may be.") { AnyPath, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(AnyPath), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    public static void Print(CacheParameters cache) => Console.WriteLine(
        $"{cache.MountPoint}: {ByteCount.Format(cache.UsedBytes)} of {ByteCount.Format(cache.LimitBytes)} and {cache.Files} of {cache.LimitFiles} files in {cache.Folder}; "
        + $"{ByteCount.Format(cache.LeftFreeBytes)} of its disk are left free");

    private static async Task<int> RunAsync(string? path, bool json, CancellationToken cancellation)
    {
        IReadOnlyList<ControlReply> replies = await MountSurvey.AskAsync(path, new ControlRequest(ControlOperations.CacheParameters), cancellation);
        List<CacheParameters> caches = [.. replies.Select(static reply => reply.Cache).OfType<CacheParameters>()];
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(caches, ControlJson.Indented.IReadOnlyListCacheParameters));
        else
            caches.ForEach(Print);
        return (int)ExitCode.Done;
    }
}
