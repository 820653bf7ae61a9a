using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Afs.Control;

/// <summary>The control protocol's JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlReply))]
[JsonSerializable(typeof(IReadOnlyList<StatusReport>))]
[JsonSerializable(typeof(IReadOnlyList<RecoveredFile>))]
[JsonSerializable(typeof(IReadOnlyList<VnodeReport>))]
[JsonSerializable(typeof(IReadOnlyList<ServerReport>))]
[JsonSerializable(typeof(IReadOnlyList<CacheParameters>))]
public sealed partial class ControlJson : JsonSerializerContext
{
    /// <summary>As the commands print it for `--json`.</summary>
    public static ControlJson Indented { get; } = new(ForPeople(isIndented: true));

    /// <summary>One document a line, for what goes on.</summary>
    public static ControlJson Line { get; } = new(ForPeople(isIndented: false));

    private static JsonSerializerOptions ForPeople(bool isIndented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // Names are for terminals and programs, never for HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = isIndented,
    };
}
