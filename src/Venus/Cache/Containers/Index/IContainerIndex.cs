namespace Afs.Venus.Cache;

/// <summary>
/// What container files are, on disk. Owned by the content cache; changes of one container are made in the order of the calls.
/// </summary>
internal interface IContainerIndex : IAsyncDisposable
{
    /// <summary>All rows, once, before the first change.</summary>
    IReadOnlyList<ContainerRecord> Load();

    /// <summary>
    /// Writes or replaces a row, with the next <see cref="Commit"/>, or some time soon; complete when a crash of this process can't lose it. A crash of
    /// the machine can: then the daemon, the writers and their open files died too, and a container whose row says Clean is checked by its checksum.
    /// But what a row that says Dirty tells of is stored unchecked, so the end of that must be asked to outlast a loss of power.
    /// May be called under a lock: only <see cref="Commit"/> touches the disk.
    /// </summary>
    /// <exception cref="Afs.Platform.DiskException">The disk is full or failed; the row is as it was.</exception>
    ValueTask PutAsync(ContainerRecord record, bool outlastsPowerLoss = false);

    /// <summary>
    /// Makes all changes that wait, on this thread if nobody does so yet: a write to a file. What must wait for the disk goes elsewhere.
    /// </summary>
    void Commit();

    /// <summary>As <see cref="PutAsync"/>, some time soon. A failure is logged; the row is as it was.</summary>
    void PutLater(ContainerRecord record, bool outlastsPowerLoss = false);

    void DeleteLater(ContainerId id);

    /// <summary>Completes when all earlier changes were made.</summary>
    ValueTask FlushAsync();
}
