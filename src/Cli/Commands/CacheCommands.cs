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

/// <summary>`afs sync [PATH…]`: what was done in these mounts is on stable storage at their servers when it ends, as far as it was closed.</summary>
internal static class SyncCommand
{
    private static readonly Argument<string[]> Paths = PathArgument.Many(mayBeNone: true);
    private static readonly Option<bool> Quiet = new("--quiet", "-q") { Description = "No progress bar." };

    public static Command Create()
    {
        var command = new Command("sync", "Wait until what was done in a mount is on stable storage at its server: all that was closed, renamed, removed or made. Without a path: of all mounts.") { Paths, Quiet, JsonOption.Json };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(Paths) ?? [], parsed.GetValue(Quiet), parsed.GetValue(JsonOption.Json), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string[] paths, bool isQuiet, bool json, CancellationToken cancellation)
    {
        Mount[] mounts = paths.Length == 0 ? [.. MountFinder.All()] : [.. paths.SelectMany(MountFinder.AllOrOf).DistinctBy(static mount => mount.SocketPath)];
        bool isNamed = paths.Length > 0;
        bool isShown = !json && !isQuiet && !Console.IsErrorRedirected;
        ControlReply[] replies = isShown
            ? await SyncBar.ShowAsync(show => Task.WhenAll(mounts.Select(mount => SyncAsync(mount, isNamed, show, cancellation))))
            : await Task.WhenAll(mounts.Select(mount => SyncAsync(mount, isNamed, static _ => { }, cancellation)));
        if (json)
            Console.WriteLine(JsonSerializer.Serialize<IReadOnlyList<SyncProgress>>([.. replies.Select(static reply => reply.Sync).OfType<SyncProgress>()], ControlJson.Indented.IReadOnlyListSyncProgress));
        foreach (ControlReply reply in replies.Where(static reply => reply.Message is not null))
            Console.Error.WriteLine($"afs: {reply.Message}");
        return (int)replies.Select(static reply => reply.Code).FirstOrDefault(static code => code != ExitCode.Done);
    }

    /// <summary>One mount that can't answer keeps nobody from being synced.</summary>
    private static async Task<ControlReply> SyncAsync(Mount mount, bool isNamed, Action<SyncProgress> show, CancellationToken cancellation)
    {
        try
        {
            ControlReply? last = null;
            await foreach (ControlReply reply in ControlClient.AskAllAsync(mount.SocketPath, new ControlRequest(ControlOperations.Sync), cancellation))
            {
                last = reply;
                if (reply.Sync is { } progress)
                    show(progress);
            }
            return last ?? (isNamed ? ControlReply.Refuse(ExitCode.NotMounted, "The daemon of this mount has ended, or this user may not ask it.") : new ControlReply());
        }
        catch (ControlException e)
        {
            return ControlReply.Refuse(e.Code, $"{mount.SocketPath}: {e.Message}");
        }
    }
}

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
