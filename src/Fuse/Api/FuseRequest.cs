namespace Afs.Fuse;

/// <summary>Who asks, and how to learn that the asker no longer waits.</summary>
/// <param name="Id">The kernel's identifier of the request.</param>
/// <param name="Uid">Filesystem user id of the caller.</param>
/// <param name="Gid">Filesystem group id of the caller.</param>
/// <param name="Pid">Thread id of the caller; zero where it lives in another pid namespace.</param>
/// <param name="Interrupted">
/// Set when the caller is being killed, or got any signal while it waits for a lock. An operation that waits should end with <see cref="Errno.EINTR"/>;
/// until it replies, the caller can't even be killed.
/// </param>
public readonly record struct FuseRequest(RequestId Id, uint Uid, uint Gid, uint Pid, CancellationToken Interrupted);
