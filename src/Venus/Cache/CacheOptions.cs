using Afs.Venus.Servers;

namespace Afs.Venus.Cache;

/// <summary>What a cache is asked to be.</summary>
public sealed record CacheOptions
{
    /// <summary>The volume to be mounted.</summary>
    public string VolumeName { get; init; } = "root";

    public CacheLimits Limits { get; init; } = new();

    public CallTimes Times { get; init; } = new();

    /// <summary>How long a clean end waits for dirty files to be stored; what isn't by then stays dirty in the cache, for the next start.</summary>
    public TimeSpan StoreAtEnd { get; init; } = TimeSpan.FromSeconds(60);
}
