using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A container that open files of a mount stand on while its daemon is replaced.</summary>
/// <param name="BaseVersion">As it was when it was opened.</param>
/// <param name="IsWritten">Some of them write.</param>
public sealed record HeldContainer(ContainerId Id, Fid Fid, DataVersion BaseVersion, bool IsWritten);

/// <summary>What the open files of a daemon's predecessor stand on. Used once, before the first operation.</summary>
public interface IHeldFiles
{
    /// <summary>One more use of the container, as an open would give it. Null: its file is gone.</summary>
    IContainer? TryTake(ContainerId id, bool isWriting);

    /// <summary>A vnode that lost its last name while it was in use here: the server knows no more of it.</summary>
    void RestoreRemoved(FetchStatus last);

    /// <summary>All were taken that will be.</summary>
    void Finish();
}
