using System.Text.Json;

namespace Afs.Bench.Macro.Cells;

/// <summary>The numbers of `venus status --json`, by their path in the document ("server.calls").</summary>
public sealed class VenusFigures
{
    private const int TimeoutMs = 10_000;

    private readonly Dictionary<string, double> _values = [];

    private VenusFigures(JsonElement document) => Collect("", document);

    public double? this[string name] => _values.TryGetValue(name, out double value) ? value : null;

    public static VenusFigures Read(string program, string mountPoint)
    {
        string text = ShellCommand.Run(program, ["status", mountPoint, "--json"], timeoutMs: TimeoutMs);
        using var document = JsonDocument.Parse(text);
        return new VenusFigures(document.RootElement);
    }

    private void Collect(string path, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                    Collect(path.Length == 0 ? property.Name : path + "." + property.Name, property.Value);
                break;
            case JsonValueKind.Array:
                int index = 0;
                foreach (JsonElement item in element.EnumerateArray())
                    Collect($"{path}.{index++}", item);
                break;
            case JsonValueKind.Number:
                _values[path] = element.GetDouble();
                break;
        }
    }
}
