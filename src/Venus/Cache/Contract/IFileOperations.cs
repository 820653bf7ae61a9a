using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Mutations: each is one call to the server, whose reply is applied to the caches (a cached directory is edited only where its version rose by
/// exactly one, by this change; else it is suspect). Success means stable storage.
/// </summary>
public interface IFileOperations
{
    ValueTask<Result<FetchStatus>> CreateAsync(CreateRequest request, CancellationToken cancellation);

    ValueTask<Failure> RemoveAsync(Fid parent, byte[] name, bool isDirectory, CancellationToken cancellation);

    ValueTask<Failure> RenameAsync(Fid fromParent, byte[] fromName, Fid toParent, byte[] toName, RenameMode mode, CancellationToken cancellation);

    ValueTask<Result<FetchStatus>> LinkAsync(Fid fid, Fid parent, byte[] name, CancellationToken cancellation);

    /// <summary>Mode, owner, group, times. Times are set on a dirty container too. Of a file removed while open here: only locally.</summary>
    ValueTask<Result<FetchStatus>> SetStatusAsync(StoreStatusRequest request, CancellationToken cancellation);

    /// <param name="value">Null removes.</param>
    ValueTask<Failure> SetXattrAsync(Fid fid, byte[] name, byte[]? value, XattrMode mode, CancellationToken cancellation);

    /// <summary>All xattrs; cached with the promise of the status.</summary>
    ValueTask<Result<IReadOnlyList<Xattr>>> GetXattrsAsync(Fid fid, CancellationToken cancellation);

    /// <summary>The clock for times in requests.</summary>
    Timestamp Now { get; }

    /// <summary>What statfs shows; from memory, refreshed in the background. Never waits for the server after the first.</summary>
    ValueTask<Result<GetVolumeStatusReply>> GetVolumeStatusAsync(CancellationToken cancellation);
}
