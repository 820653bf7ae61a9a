using System.Globalization;

namespace Afs.Bench.Macro.Machine;

/// <summary>What a reader must know of the machine before he believes a figure.</summary>
public sealed record MachineFacts
{
    public required string Processor { get; init; }
    public required int Processors { get; init; }
    public required long MemoryBytes { get; init; }
    public required string Kernel { get; init; }
    public required string Runtime { get; init; }
    public required string ControlFilesystem { get; init; }
    public required double WakeUpSeconds { get; init; }
    public required string LoadBefore { get; init; }
    public string LoadAfter { get; init; } = "";

    public static MachineFacts Read(string controlDirectory) => new()
    {
        Processor = FieldOf("/proc/cpuinfo", "model name") ?? "unknown",
        Processors = Environment.ProcessorCount,
        MemoryBytes = 1024 * long.Parse(
            (FieldOf("/proc/meminfo", "MemTotal") ?? "0 kB").Split(' ')[0], CultureInfo.InvariantCulture),
        Kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
        Runtime = Environment.Version.ToString(),
        ControlFilesystem = MountTable.TypeOf(controlDirectory),
        WakeUpSeconds = WakeUp.MeasureSeconds(),
        LoadBefore = ReadLoad(),
    };

    /// <summary>Processes that ran or wanted to, averaged over 1, 5 and 15 minutes.</summary>
    public static string ReadLoad() => string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]);

    private static string? FieldOf(string file, string name)
    {
        string? line = File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        return line?[(line.IndexOf(':') + 1)..].Trim();
    }
}
