namespace Afs.Venus.Vfs;

/// <summary>What of a mount outlives its daemon, so that a successor can answer for what the kernel still knows.</summary>
/// <param name="Nodes">Records of <see cref="NodeRecord.SizeBytes"/>.</param>
/// <param name="Files">Records of <see cref="OpenFileRecord.SizeBytes"/>.</param>
/// <param name="Directories">Records of <see cref="OpenDirectoryRecord.SizeBytes"/>.</param>
public sealed record MountRecords(IRecordArray Nodes, IRecordArray Files, IRecordArray Directories)
{
    /// <summary>Containers that open files stand on, before the cache is opened: it must not take them for left-overs.</summary>
    public IReadOnlyList<Cache.HeldContainer> ReadHeld() => OpenFileRecords.ReadHeld(Files);

    /// <summary>Nodes that the kernel may know.</summary>
    public IReadOnlyList<Fuse.NodeId> ReadNodeIds() => NodeRecords.ReadIds(Nodes);
}
