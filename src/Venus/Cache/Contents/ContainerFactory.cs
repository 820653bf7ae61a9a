using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Makes new container files.</summary>
internal sealed class ContainerFactory(ContainerTable table, IContainerFiles files, IContainerIndex index, string bootId)
{
    /// <summary>An empty file, in nobody's table. Disposed without <see cref="NewContainer.Finish"/>, it is deleted.</summary>
    public NewContainer Create(Fid fid)
    {
        ContainerId id = table.NewId();
        return new NewContainer(id, fid, files.Create(id), files, index, bootId);
    }

    /// <summary>One from the index, after a restart. The end was clean, and no power was lost since: its file is compared with its baseline only.</summary>
    public Container Restore(ContainerRecord record, bool wasCleanEnd) => new(record, files, index, bootId)
    {
        EverWritten = true,
        NeedsVerify = !wasCleanEnd || record.BootId != bootId,
        NeedsRecovery = record.State != ContainerState.Clean,
        MayBeTorn = record.State == ContainerState.Writing && record.BootId != bootId,
    };
}
