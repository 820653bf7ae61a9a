using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Container files on the disk, and what the disk knows of them. Failures throw <see cref="DiskException"/>.</summary>
internal interface IContainerFiles
{
    /// <summary>Makes a new, empty file.</summary>
    IDiskFile Create(ContainerId id);

    /// <summary>For reading and writing.</summary>
    IDiskFile Open(ContainerId id);

    bool Delete(ContainerId id);

    /// <summary>All that are there.</summary>
    IEnumerable<ContainerId> List();

    ContainerStat Stat(IDiskFile file);

    void SetModifyTime(IDiskFile file, Timestamp time);

    /// <summary>
    /// Makes the next store into a page of this range that is mapped now show in ctime again: begins to write dirty pages back, which write-protects them
    /// (sync_file_range(2); the kernel's clear_page_dirty_for_io). Takes as long as handing the dirty pages to the disk.
    /// </summary>
    void ProtectMapped(IDiskFile file, long offset, long countBytes);

    /// <summary>
    /// May some process write to it, through a descriptor or a mapping, that isn't this daemon's? False only where the kernel denies it.
    /// The daemon has it not open. Waits for no disk.
    /// </summary>
    bool MayBeWritten(ContainerId id);

    DiskSpace GetSpace();
}
