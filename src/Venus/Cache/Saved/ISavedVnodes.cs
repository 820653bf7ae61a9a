using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Statuses and names of an earlier daemon. Nothing here is believed: all is suspect until the server says that it holds. So an old row, or one that
/// is missing, costs a call and never a wrong answer.
/// </summary>
internal interface ISavedVnodes : IDisposable
{
    /// <summary>Whatever was saved of another volume or incarnation is deleted; from here on it is of this one.</summary>
    /// <exception cref="Afs.Platform.DiskException">The disk is full or failed.</exception>
    void Begin(VolumeIdentity identity);

    /// <summary>Gives all that is saved. Rows that are damaged are left out.</summary>
    /// <exception cref="Afs.Platform.DiskException">The disk failed.</exception>
    void Read(Action<FetchStatus> status, Action<SavedDirectory> directory);

    /// <summary>In one transaction. It survives a crash of this process, but perhaps not one of the machine.</summary>
    /// <exception cref="Afs.Platform.DiskException">The disk is full or failed; all is as it was.</exception>
    void Save(SavedChanges changes);
}
