using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Afs.Cli;

/// <summary>A line of `afs watch`.</summary>
internal static class ChangeText
{
    /// <summary>A change, and not something about the watch itself.</summary>
    public static bool IsOfOthers(string kind) =>
        kind is not (ChangeKinds.Watching or ChangeKinds.OutOfTouch or ChangeKinds.InTouch or ChangeKinds.Missed);

    public static string Of(ChangeReport change) =>
        $"{change.Time.ToLocalTime().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture)}  {OneLine.Of(change.Kind),-8}  {Rest(change)}";

    private static string Rest(ChangeReport change) => change.Kind switch
    {
        ChangeKinds.Watching => Counted.Of(change.Count ?? 0, "file or folder", "files and folders"),
        ChangeKinds.Missed => $"{Counted.Of(change.Count ?? 0, "change")}: faster than they were read",
        ChangeKinds.OutOfTouch => OneLine.Of(change.Reason),
        ChangeKinds.InTouch => "the server answers again",
        ChangeKinds.Renamed => $"{OneLine.Of(change.From)} -> {OneLine.Of(change.Path)}",
        ChangeKinds.Stored => $"{OneLine.Of(change.Path)}  version {change.DataVersion}, {ByteCount.Format(change.LengthBytes ?? 0)}",
        _ => OneLine.Of(change.Path),
    };
}

/// <summary>How many of something, as people say it.</summary>
internal static class Counted
{
    /// <param name="many">How several are called; null: the noun with an s.</param>
    public static string Of(long count, string noun, string? many = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? noun : many ?? noun + "s")}");
}

/// <summary>One JSON document on one line, so that a program can read them as they come.</summary>
internal static class JsonLine
{
    public static string Of(FetchProgress progress) => JsonSerializer.Serialize(progress, ControlJson.Line.FetchProgress);

    public static string Of(ChangeReport change) => JsonSerializer.Serialize(change, ControlJson.Line.ChangeReport);
}

/// <summary>`--json`, which every command has.</summary>
internal static class JsonOption
{
    public static readonly Option<bool> Json = new("--json") { Description = "For programs: JSON on standard output." };
}

/// <summary>A fetch on a terminal: how far, how fast, how long still. On standard error, so that standard output has the result alone.</summary>
internal static class ProgressBar
{
    /// <summary>The last reply; null where there was none.</summary>
    public static async Task<ControlReply?> ShowAsync(IAsyncEnumerable<ControlReply> replies)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(SafeConsole.RawError) });
        ControlReply? last = null;
        await console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask("fetch");
                await foreach (ControlReply reply in replies)
                {
                    last = reply;
                    if (reply.Progress is { } progress)
                        Show(task, progress);
                }
            });
        return last;
    }

    private static void Show(ProgressTask task, FetchProgress progress)
    {
        task.Description = $"{progress.DoneFiles} of {progress.Files} files";
        task.MaxValue = Math.Max(1, progress.Bytes);
        task.Value = progress.Bytes == 0 ? 1 : progress.DoneBytes;
    }
}

/// <summary>A sync on a terminal: how many changes have gone, of those that waited. On standard error. Nothing is shown of a sync that is over at once.</summary>
internal static class SyncBar
{
    public static async Task<ControlReply[]> ShowAsync(Func<Action<SyncProgress>, Task<ControlReply[]>> run)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(SafeConsole.RawError) });
        ControlReply[] replies = [];
        await console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var tasks = new ConcurrentDictionary<string, ProgressTask>();
                replies = await run(progress => Show(tasks.GetOrAdd(progress.MountPoint, mountPoint => context.AddTask(Markup.Escape(OneLine.Of(mountPoint)))), progress));
            });
        return replies;
    }

    private static void Show(ProgressTask task, SyncProgress progress)
    {
        // Others may add to what waits: then there is more to do than it seemed.
        task.MaxValue = Math.Max(Math.Max(task.MaxValue == 100 && task.Value == 0 ? 1 : task.MaxValue, progress.WaitingChanges), 1);
        task.Value = task.MaxValue - progress.WaitingChanges;
        task.Description = Markup.Escape($"{OneLine.Of(progress.MountPoint)}: {Counted.Of(progress.WaitingChanges, "change")}, {ByteCount.Format(progress.WaitingBytes)} to send");
    }
}

/// <summary>A mount's status for people.</summary>
internal static class StatusText
{
    public static void Write(TextWriter output, StatusReport report)
    {
        output.WriteLine($"{report.MountPoint}  {report.Server}  (pid {report.ProcessId}, read and written by {(report.Io == "daemon" ? "the daemon" : "the kernel")})");
        output.WriteLine($"  server     {Server(report)}");
        if (report.IsServingDisconnected)
            output.WriteLine("             reads get what is cached, which may be old");
        if (report.Restarts > 0)
            output.WriteLine($"  daemon     was replaced {Counted.Of(report.Restarts, "time")} by its supervisor (pid {report.SupervisorId})");
        output.WriteLine($"  cache      {ByteCount.Format(report.CacheBytes)} of {ByteCount.Format(report.CacheLimitBytes)} in {Counted.Of(report.CacheFiles, "file")}, {report.CacheFolder}");
        if (report.CacheTrouble is { } trouble)
            output.WriteLine($"             the cache's disk refuses: {OneLine.Of(trouble)}");
        output.WriteLine($"  changes    {Counted.Of(report.DirtyFiles, "file")} not stored yet, {report.RecoveredFiles} recovered{(report.RecoveredFiles > 0 ? " (afs recovered)" : "")}");
        if (report.WriteBehind is { } behind)
            output.WriteLine($"  behind     {Behind(behind)}");
        output.WriteLine($"  hit rates  content {Rate(report, "content.hits", "content.fetches")}, status {Rate(report, "status.hits", "status.misses")}");
        output.WriteLine($"  traffic    {ByteCount.Format(report.Figures.GetValueOrDefault("bytes.fetched"))} fetched, {ByteCount.Format(report.Figures.GetValueOrDefault("bytes.stored"))} stored, {Counted.Of(report.Figures.GetValueOrDefault("breaks.received"), "break")}");
    }

    private static string Behind(BehindReport behind)
    {
        string waiting = behind.Changes == 0
            ? "nothing waits for the server"
            : string.Create(CultureInfo.InvariantCulture, $"{Counted.Of(behind.Changes, "change")} ({ByteCount.Format(behind.Bytes)}) wait for the server, the oldest for {behind.OldestMs / 1000.0:0.0} s (afs sync)");
        string refused = behind.Refused == 0 ? "" : $"; {behind.Refused} refused (afs recovered)";
        return behind.MostAgeMs == 0
            ? $"off; of before: {waiting}{refused}"
            : string.Create(CultureInfo.InvariantCulture, $"{waiting}{refused}; at most {behind.MostAgeMs / 1000.0:0.###} s, for {Counted.Of(behind.WriteTokens, "write token")}");
    }

    private static string Server(StatusReport report)
    {
        if (report.Trouble is { } trouble)
            return $"no connection ({OneLine.Of(trouble)}), {Lease(report)}";
        if (report.Figures.GetValueOrDefault("without.promises") != 0)
            return "connected, without promises: this client was late to let go, and asks for each open until it was quick for a while";
        return $"{(report.HasLease ? "connected" : "no answer")}, {Lease(report)}";
    }

    private static string Lease(StatusReport report) => report.HasLease
        ? string.Create(CultureInfo.InvariantCulture, $"in touch, lease runs {report.LeaseLeftMs / 1000.0:0.0} s more")
        : "not in touch: what is cached is suspect";

    /// <summary>Of all asks since the mount began, the share that was answered from the cache.</summary>
    private static string Rate(StatusReport report, string hits, string misses)
    {
        long hit = report.Figures.GetValueOrDefault(hits), all = hit + report.Figures.GetValueOrDefault(misses);
        return all == 0 ? "not asked yet" : string.Create(CultureInfo.InvariantCulture, $"{100.0 * hit / all:0.0} % of {all}");
    }
}
