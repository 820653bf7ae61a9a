using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What `venus status` shows of the cache, by name. Counters only; nothing is decided by them.</summary>
public sealed class CacheFigures
{
    public Counter StatusHits { get; } = new("status.hits");
    public Counter StatusMisses { get; } = new("status.misses");
    public Counter DirectoryFetches { get; } = new("directory.fetches");
    public Counter DirectoryDeltas { get; } = new("directory.deltas");
    public Counter ContentHits { get; } = new("content.hits");
    public Counter ContentFetches { get; } = new("content.fetches");
    public Counter ContentDamaged { get; } = new("content.damaged");
    /// <summary>Of contents, as they come; <see cref="BytesFetched"/> counts files that are complete.</summary>
    public Counter BytesArrived { get; } = new("bytes.arrived");
    public Counter BytesFetched { get; } = new("bytes.fetched");
    public Counter Stores { get; } = new("stores");
    public Counter StoresFailed { get; } = new("stores.failed");
    public Counter StoresUnseen { get; } = new("stores.unseen");
    public Counter BytesStored { get; } = new("bytes.stored");
    public Counter BreaksReceived { get; } = new("breaks.received");
    public Counter TrustLost { get; } = new("trust.lost");
    public Counter ContainersEvicted { get; } = new("containers.evicted");
    public Counter Recovered { get; } = new("recovered");

    public IEnumerable<Counter> All =>
    [
        StatusHits, StatusMisses, DirectoryFetches, DirectoryDeltas, ContentHits, ContentFetches, ContentDamaged, BytesArrived, BytesFetched, Stores,
        StoresFailed, StoresUnseen, BytesStored, BreaksReceived, TrustLost, ContainersEvicted, Recovered,
    ];

    public IEnumerable<Figure> Read() => All.Select(static c => new Figure { Name = c.Name, Value = c.Value });
}
