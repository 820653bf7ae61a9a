using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Statuses under a promise. What a process of this client wrote and hasn't stored is not in them: see <see cref="IContainer.TryGetLocalStatus"/>.</summary>
public interface IStatusCache
{
    /// <summary>
    /// The status, if its promise holds; never waits, never allocates. Of a file that was removed while open here: its last
    /// status with link count zero.
    /// </summary>
    bool TryGet(Fid fid, out FetchStatus status);

    /// <summary>There is no lease, and what was valid when it ended is given out all the same: nobody may keep any of it.</summary>
    bool ServesSuspect => false;

    /// <summary>The status, from the server where the promise doesn't hold. Abort NoVnode: it is gone.</summary>
    ValueTask<Result<FetchStatus>> GetAsync(Fid fid, CancellationToken cancellation);

    /// <summary>Brings those that aren't promised in as few calls as possible; those that are gone are left out silently.</summary>
    ValueTask<Failure> PrefetchAsync(IReadOnlyList<Fid> fids, CancellationToken cancellation);

    /// <summary>Some process may need this fid: its promise is not given up and its cache entry not evicted until <see cref="Release"/>. Counts.</summary>
    void Retain(Fid fid);

    void Release(Fid fid);
}
