using Afs.Venus.Servers;

namespace Afs.Venus.Cache;

/// <summary>What a cache is asked to be.</summary>
public sealed record CacheOptions
{
    /// <summary>The volume to be mounted.</summary>
    public string VolumeName { get; init; } = "root";

    /// <summary>Begin with what the cache directory says of the volume, and ask the server later: files are open already, and can't wait for it.</summary>
    public bool BeginsWithoutServer { get; init; }

    /// <summary>When the lease is lost, go on to give out what was valid until then. It may be old.</summary>
    public bool ServesDisconnected { get; init; }

    /// <summary>Large files can be read while they are fetched. Not where another daemon may take over: it could not tell what is there of them.</summary>
    public bool ReadsWhileArriving { get; init; } = true;

    /// <summary>Files of this length can be read while they are fetched. Shorter ones are there before somebody could.</summary>
    public long LeastArrivingBytes { get; init; } = 2L << 20;

    public CacheLimits Limits { get; init; } = new();

    public CallTimes Times { get; init; } = new();

    /// <summary>How long a clean end waits for dirty files to be stored; what isn't by then stays dirty in the cache, for the next start.</summary>
    public TimeSpan StoreAtEnd { get; init; } = TimeSpan.FromSeconds(60);
}
