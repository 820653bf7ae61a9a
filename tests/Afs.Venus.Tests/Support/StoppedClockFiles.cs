using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Container files on a disk whose clock never moves: all that is done to a file falls into one tick of its ctime.</summary>
internal sealed class StoppedClockFiles(IContainerFiles inner) : IContainerFiles
{
    public bool ShowsMapped => inner.ShowsMapped;

    public IDiskFile Create(ContainerId id) => inner.Create(id);

    public IDiskFile Open(ContainerId id) => inner.Open(id);

    public IDiskFile OpenToRead(ContainerId id) => inner.OpenToRead(id);

    public bool Delete(ContainerId id) => inner.Delete(id);

    public void SyncName(ContainerId id) => inner.SyncName(id);

    public IEnumerable<ContainerId> List() => inner.List();

    public ContainerStat Stat(IDiskFile file) => inner.Stat(file) with { ChangeTime = new Timestamp(1, 0), IsDecisive = false };

    public void SetModifyTime(IDiskFile file, Timestamp time) => inner.SetModifyTime(file, time);

    public void ProtectMapped(IDiskFile file, long offset, long countBytes) => inner.ProtectMapped(file, offset, countBytes);

    public bool MayBeWritten(ContainerId id) => inner.MayBeWritten(id);

    public DiskSpace GetSpace() => inner.GetSpace();
}
