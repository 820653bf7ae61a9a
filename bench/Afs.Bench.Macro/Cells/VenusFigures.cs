using System.Text.Json;

namespace Afs.Bench.Macro.Cells;

/// <summary>What the benchmark wants of `venus status --json`.</summary>
/// <param name="Calls">Calls to the server since the mount, the regular probes not counted.</param>
/// <param name="Io">How reads and writes of open files are served: passthrough or daemon.</param>
public sealed record VenusFigures(long Calls, string Io)
{
    private const int TimeoutMs = 10_000;
    private const string ProbeOperation = "probe";

    /// <exception cref="InvalidOperationException">The command failed, or its document isn't what it should be.</exception>
    public static VenusFigures Read(string program, string mountPoint)
    {
        string text = ShellCommand.Run(program, ["status", mountPoint, "--json"], timeoutMs: TimeoutMs);
        try
        {
            using var document = JsonDocument.Parse(text);
            JsonElement mount = document.RootElement is { ValueKind: JsonValueKind.Array } all ? all[0] : document.RootElement;
            long calls = mount.GetProperty("calls").EnumerateObject()
                .Where(c => !c.Name.Equals(ProbeOperation, StringComparison.OrdinalIgnoreCase))
                .Sum(c => c.Value.GetInt64());
            return new VenusFigures(calls, mount.GetProperty("io").GetString() ?? "");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or IndexOutOfRangeException or FormatException)
        {
            throw new InvalidOperationException($"{program} status {mountPoint} --json gave what is not understood: {e.Message}\n{text}");
        }
    }
}
