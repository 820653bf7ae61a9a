namespace Afs.Vice.Hosting.Admin;

/// <summary>The server at one moment, for the live page.</summary>
internal sealed record LiveState(
    DateTimeOffset Time, string Version, string Volume, ulong Epoch, long UptimeMs, long LeaseMs, IReadOnlyDictionary<string, long> Figures,
    IReadOnlyList<LiveClient> Clients, IReadOnlyList<LiveOperation> Operations, IReadOnlyList<LiveKeptVersion> Kept);

/// <param name="LeaseLeftMs">Zero or less: it has ended.</param>
internal sealed record LiveClient(string Id, string? Address, ulong Session, bool IsConnected, bool HasLapsed, long SilentMs, long LeaseLeftMs, int Promises);

/// <summary>Calls of one operation since the server's start.</summary>
/// <param name="Buckets">Below the bounds of <see cref="Telemetry.LatencyHistogram.BoundsSeconds"/>, the last above all.</param>
internal sealed record LiveOperation(string Name, IReadOnlyList<long> Buckets, double SumMs);

/// <summary>A version that was replaced by a writer who had not seen it.</summary>
internal sealed record LiveKeptVersion(string Fid, ulong Version, long LengthBytes, string Writer, DateTimeOffset KeptAt);
