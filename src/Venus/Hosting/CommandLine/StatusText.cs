namespace Afs.Venus.Hosting;

/// <summary>A status for people.</summary>
internal static class StatusText
{
    public static void Write(TextWriter output, IReadOnlyList<StatusReport> reports)
    {
        if (reports.Count == 0)
            output.WriteLine("Nothing is mounted.");
        foreach (StatusReport report in reports)
            Write(output, report);
    }

    private static void Write(TextWriter output, StatusReport report)
    {
        string trust = report.HasLease ? "in touch, the cache is trusted" : "not in touch, the cache is suspect";
        output.WriteLine($"{report.MountPoint}  {report.Server}  (pid {report.ProcessId}, io by {report.Io})");
        if (report.IsServingDisconnected)
            trust = "not in touch, READS ARE SERVED FROM THE CACHE and may be old";
        if (report.SupervisorId is { } supervisor)
            output.WriteLine($"  daemon    supervised by {supervisor}, restarted {report.Restarts} times");
        output.WriteLine($"  server    {trust}{(report.Trouble is null ? "" : $"; no connection: {report.Trouble}")}");
        output.WriteLine($"  cache     {report.CacheFolder}: {ToMebibytes(report.CacheBytes)} of {ToMebibytes(report.CacheLimitBytes)} MiB, {report.CacheFiles} files");
        output.WriteLine($"  dirty     {report.DirtyFiles} files not stored yet, {report.RecoveredFiles} recovered (venus recovered)");
        output.WriteLine($"  kernel    {report.Nodes} nodes");
        WriteFigures(output, "figures", report.Figures);
        WriteFigures(output, "calls", report.Calls);
    }

    private static void WriteFigures(TextWriter output, string title, IReadOnlyDictionary<string, long> figures)
    {
        string line = string.Join(", ", figures.Where(f => f.Value != 0).Select(f => $"{f.Key} {f.Value}"));
        output.WriteLine($"  {title,-9} {line}");
    }

    private static long ToMebibytes(long bytes) => bytes >> 20;
}
