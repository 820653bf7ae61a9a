using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What a cached directory says of a name.</summary>
public enum LookupAnswer : byte
{
    /// <summary>The directory isn't cached under a promise: ask <see cref="IDirectoryCache.LoadAsync"/> first.</summary>
    Unknown = 0,
    Absent,
    Found,
}

/// <summary>Whole directories under a promise, where Venus walks paths.</summary>
public interface IDirectoryCache
{
    /// <summary>Never waits, never allocates.</summary>
    LookupAnswer TryLookup(Fid directory, ReadOnlySpan<byte> name, out Fid child, out FileType type);

    /// <summary>The version that is cached, if it is under a promise: <see cref="TryGetListing"/> without the cost of sorting the names.</summary>
    bool TryGetVersion(Fid directory, out DataVersion version);

    /// <summary>The entries, if cached under a promise; never waits.</summary>
    bool TryGetListing(Fid directory, out DirectoryListing listing);

    /// <summary>Makes the directory cached under a promise: nothing to do, or a delta, or a fetch of it whole.</summary>
    ValueTask<Failure> LoadAsync(Fid directory, CancellationToken cancellation);
}
