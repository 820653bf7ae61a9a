using System.Text.Json;

namespace Afs.Venus.Cache;

/// <summary>What the JSON file beside a recovered file says.</summary>
/// <param name="Name">In the recovered folder.</param>
/// <param name="Original">The last name of the file, if known, made safe for a terminal.</param>
public sealed record RecoveredEntry(string Name, string Original, string Fid, string Reason, DateTimeOffset Time)
{
    internal static readonly JsonSerializerOptions Format = new() { WriteIndented = true };
}
