namespace Afs.Venus.Cache;

/// <summary>How much the cache may hold.</summary>
public sealed record CacheLimits
{
    /// <summary>Of all container files together, as allocated on the disk.</summary>
    public long MostBytes { get; init; } = 10L << 30;

    public int MostFiles { get; init; } = 500_000;

    /// <summary>What is left free for others on the cache's disk.</summary>
    public long ReservedFreeBytes { get; init; } = 256L << 20;

    /// <summary>Statuses in memory, each with a promise of the server.</summary>
    public int MostVnodes { get; init; } = 262_144;

    /// <summary>Entries of all cached directories together, in memory.</summary>
    public int MostDirectoryEntries { get; init; } = 1_000_000;

    /// <summary>Fetches and stores of content that run at a time, of each kind.</summary>
    public int MostTransfers { get; init; } = 16;

    /// <summary>Stores that run at a time of content that a call carries: as many as a server runs calls of one session, and 16 MiB of memory.</summary>
    public int MostSmallStores { get; init; } = 256;
}
