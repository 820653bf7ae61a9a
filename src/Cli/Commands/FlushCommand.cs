using System.CommandLine;

namespace Afs.Cli;

/// <summary>`afs flush PATH… | --all`: as OpenAFS's `fs flush`, the cached copies go. What is not stored yet is stored first.</summary>
internal static class FlushCommand
{
    private static readonly Argument<string[]> Paths = PathArgument.Many(mayBeNone: true);
    private static readonly Option<bool> Recursive = new("--recursive", "-r") { Description = "All that lies in the folders." };
    private static readonly Option<bool> All = new("--all") { Description = "All that is cached, of all mounts." };

    public static Command Create()
    {
        var command = new Command("flush", "Store changes, then let go of the cached copies, so that the next use asks the server.") { Paths, Recursive, All, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(Paths) ?? [], parsed.GetValue(Recursive), parsed.GetValue(All), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] paths, bool isRecursive, bool all, bool json, CancellationToken cancellation)
    {
        if (paths.Length > 0 == all)
            throw new ControlException(ExitCode.Usage, "Name paths, or --all.");
        int kept = 0;
        foreach ((Mount mount, ControlRequest request) in Requests(paths, isRecursive))
            kept += (await mount.AskAsync(request, cancellation)).KeptFiles ?? 0;
        if (json)
            Console.WriteLine($$"""{"keptFiles": {{kept}}}""");
        else if (kept > 0)
            Console.WriteLine($"{kept} files stay cached because they are in use.");
        return (int)ExitCode.Done;
    }

    private static IEnumerable<(Mount, ControlRequest)> Requests(string[] paths, bool isRecursive)
    {
        if (paths.Length == 0)
            return MountFinder.All().Select(static mount => (mount, new ControlRequest(ControlOperations.Discard)));
        (Mount mount, IReadOnlyList<string> within) = MountFinder.FindAll(paths);
        return [(mount, new ControlRequest(ControlOperations.Discard, Paths: within, IsRecursive: isRecursive))];
    }
}
