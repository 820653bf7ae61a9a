using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Whole files, each in a container file on the local disk.</summary>
public interface IContentCache
{
    /// <summary>
    /// Opens the current content of a regular file: fetched whole where it isn't cached under a promise. A container that is dirty, or open for
    /// writing here, is what every process of this client gets, whatever the server has (design contract S2: processes of one client share a file).
    /// The container is pinned until the handle is disposed.
    /// </summary>
    /// <param name="forWriting">The container is marked dirty in the index before this returns, so that a crash finds it.</param>
    /// <param name="truncate">Only with <paramref name="forWriting"/>: skips the fetch; the container is empty.</param>
    ValueTask<Result<IContainer>> OpenAsync(Fid fid, bool forWriting, bool truncate, CancellationToken cancellation);

    /// <summary>As <see cref="OpenAsync"/> where that needs neither the server nor the disk's index: false, and nothing done, where it would. For reading only.</summary>
    /// <param name="proven">The container that the kernel reads by itself, or that could be opened before: its file is opened only if it is asked for.</param>
    bool TryOpenForReading(Fid fid, ContainerId? proven, out IContainer container);

    /// <summary>The container that holds changes of this client, or is open for writing here; not pinned. Null else. Never waits.</summary>
    IContainer? FindLocal(Fid fid);

    /// <summary>Fetches without opening, for prefetch and "afs fetch".</summary>
    ValueTask<Failure> FetchAsync(Fid fid, CancellationToken cancellation);

    /// <summary>
    /// Stores whatever is dirty, of one fid or (null) of all; waits for it. The failure is the first that any had.
    /// </summary>
    ValueTask<Failure> StoreDirtyAsync(Fid? only, CancellationToken cancellation);
}
