using System.Text.Json;
using System.Text.Json.Serialization;

namespace Afs.Venus.Hosting;

/// <summary>The control protocol's JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlReply))]
[JsonSerializable(typeof(IReadOnlyList<StatusReport>))]
[JsonSerializable(typeof(IReadOnlyList<RecoveredFile>))]
internal sealed partial class ControlJson : JsonSerializerContext
{
    /// <summary>As the commands print it for `--json`.</summary>
    public static ControlJson Indented { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
    });
}
