using System.Text.Json.Serialization;

namespace Afs.Vice.Hosting.Admin;

/// <summary>What the live page is told.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LiveState))]
[JsonSerializable(typeof(Activity))]
internal sealed partial class LiveJson : JsonSerializerContext;
