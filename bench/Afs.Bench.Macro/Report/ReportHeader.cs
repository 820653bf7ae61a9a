using System.Globalization;
using Afs.Bench.Macro.Hosting;
using Afs.Bench.Macro.Machine;
using Afs.Bench.Macro.Measuring;

namespace Afs.Bench.Macro.Report;

/// <summary>Under what conditions the figures came about.</summary>
/// <param name="machine">What ran it.</param>
/// <param name="options">What was asked for.</param>
/// <param name="io">How the mount serves reads and writes, as Venus says; null without a mount.</param>
public sealed class ReportHeader(MachineFacts machine, BenchOptions options, string? io)
{
    public MachineFacts Machine { get; } = machine;

    public string When { get; } = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    public string SizeSet { get; } = options.Quick ? "quick" : "full";

    public string IoMode { get; } = io ?? "no mount";

    public string Transport { get; } = options.OverUnixSocket ? "Unix socket" : "TCP over loopback";

    /// <summary>Which caches held what when the clock ran.</summary>
    public string CacheState { get; } = PageCache.CanDrop
        ? "warm lines: client cache and page cache warm. Cold and first lines: client cache empty, page cache of the machine dropped "
            + "(first-read: client cache empty, page cache warm)"
        : "warm lines: client cache and page cache warm. Cold lines are left out or have a warm page cache: dropping it needs root";

    /// <summary>Where bytes on the wire come from.</summary>
    public string Wire { get; } = LoopbackTraffic.IsOwn && !options.OverUnixSocket
        ? "the loopback interface of a network namespace of the benchmark's own, headers included"
        : "not counted: it needs TCP and a network namespace of the benchmark's own, which needs root";

    /// <summary>What was done to the disk.</summary>
    public string Disk { get; } = options.FsyncMs is { } ms
        ? $"**each fsync takes {ms} ms more than the disk needs**, in all processes, control and daemons alike: one flush at a time, who waits shares the next"
        : "as it is";

    public string ToMarkdown() => string.Create(CultureInfo.InvariantCulture, $"""
        - {When}; {Machine.Processors} x {Machine.Processor}, {Machine.MemoryBytes >> 30} GiB, Linux {Machine.Kernel}, .NET {Machine.Runtime}
        - load before {Machine.LoadBefore}, after {Machine.LoadAfter} (1, 5, 15 minutes)
        - waking a thread that sleeps: {ValueText.Of(Machine.WakeUpSeconds, Unit.Seconds)}; each request that the daemon answers pays it twice
        - control: {Machine.ControlFilesystem}, on the same disk as the server's data and the clients' caches
        - disk: {Disk}
        - sizes: {SizeSet}; io mode: {IoMode}; server, clients and workloads on this machine, {Transport}
        - caches: {CacheState}
        - bytes on the wire: {Wire}
        - each value is the median of its runs; the ratio is the median of the runs' ratios, places in turns


        """);
}
