using System.CommandLine;
using System.Text.Json;

namespace Afs.Cli;

/// <summary>`afs examine PATH…`.</summary>
internal static class ExamineCommand
{
    private static readonly Argument<string[]> Paths = PathArgument.Many();

    public static Command Create()
    {
        var command = new Command("examine", "Show what is known of files: fid, versions, promise, whether they are cached and stored.") { Paths, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetRequiredValue(Paths), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] paths, bool json, CancellationToken cancellation)
    {
        (Mount mount, IReadOnlyList<string> within) = MountFinder.FindAll(paths);
        ControlReply reply = await mount.AskAsync(new ControlRequest(ControlOperations.Examine, Paths: within), cancellation);
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(reply.Vnodes!, ControlJson.Indented.IReadOnlyListVnodeReport));
        else
            Array.ForEach([.. reply.Vnodes!], Print);
        return (int)ExitCode.Done;
    }

    private static void Print(VnodeReport vnode)
    {
        Console.WriteLine($"{OneLine.Of(vnode.Path)}  {vnode.Type}, {ByteCount.Format(vnode.LengthBytes)}, mode {vnode.Mode}, owner {vnode.Uid}:{vnode.Gid}");
        Console.WriteLine($"  fid        {vnode.Fid} of volume {vnode.Volume} on {vnode.Server}");
        Console.WriteLine($"  version    data {vnode.DataVersion}, status {vnode.StatusVersion}");
        Console.WriteLine($"  promise    {(vnode.IsPromised ? "held: the server tells before it changes" : "none: the server is asked before it is used")}");
        Console.WriteLine($"  cached     {Cached(vnode)}");
        if (vnode.Type == "file")
            Console.WriteLine($"  changes    {(vnode.IsDirty ? "not stored yet" : "none")}{(vnode.IsOpenForWriting ? ", open for writing" : vnode.IsOpen ? ", open" : "")}");
    }

    private static string Cached(VnodeReport vnode)
    {
        if (vnode.Type == "directory")
            return vnode.IsCached ? "its entries" : "no";
        if (vnode.IsCached)
            return $"whole, {ByteCount.Format(vnode.CachedBytes)} on the local disk";
        return vnode.CachedVersion is { } old ? $"only version {old}, {ByteCount.Format(vnode.CachedBytes)}" : "no";
    }
}
