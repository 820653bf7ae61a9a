using System.Globalization;

namespace Afs.Cli;

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
        output.WriteLine($"  changes    {Counted.Of(report.DirtyFiles, "file")} not stored yet, {report.RecoveredFiles} recovered{(report.RecoveredFiles > 0 ? " (afs recovered)" : "")}");
        output.WriteLine($"  hit rates  content {Rate(report, "content.hits", "content.fetches")}, status {Rate(report, "status.hits", "status.misses")}");
        output.WriteLine($"  traffic    {ByteCount.Format(report.Figures.GetValueOrDefault("bytes.fetched"))} fetched, {ByteCount.Format(report.Figures.GetValueOrDefault("bytes.stored"))} stored, {Counted.Of(report.Figures.GetValueOrDefault("breaks.received"), "break")}");
    }

    private static string Server(StatusReport report)
    {
        if (report.Trouble is { } trouble)
            return $"no connection ({OneLine.Of(trouble)}), {Lease(report)}";
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
