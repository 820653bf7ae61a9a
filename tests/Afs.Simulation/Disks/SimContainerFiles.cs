using System.Globalization;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Container files on a simulated disk, by the names that the real ones have.</summary>
/// <param name="disk">Of one life of the machine.</param>
/// <param name="bug">A planted one may hide what the disk and the kernel say.</param>
internal sealed class SimContainerFiles(SimDiskView disk, PlantedBug bug = PlantedBug.None) : IContainerFiles
{
    /// <summary>The disk's queue takes pages, and protects them.</summary>
    public bool ShowsMapped => true;

    /// <summary>The folders as the first start of a client makes them: long ago.</summary>
    public static void MakeFolders(SimDisk disk)
    {
        for (int low = 0; low < 256; low++)
            disk.MakeFolder(SimDisk.FolderOf(ContainerFiles.NameOf(new ContainerId((ulong)low))));
        disk.SyncNames(SimDisk.FolderOf(ContainerFiles.Folder));
        disk.SyncNames(ContainerFiles.Folder);
    }

    public IDiskFile Create(ContainerId id) => disk.Open(ContainerFiles.NameOf(id), DiskOpenMode.CreateNew);

    public IDiskFile Open(ContainerId id) => disk.Open(ContainerFiles.NameOf(id), DiskOpenMode.ReadWrite);

    public IDiskFile OpenToRead(ContainerId id) => disk.Open(ContainerFiles.NameOf(id), DiskOpenMode.Read);

    public bool Delete(ContainerId id) => disk.Delete(ContainerFiles.NameOf(id));

    public void SyncName(ContainerId id)
    {
        if (bug != PlantedBug.ContainerNameUnsynced)
            disk.SyncDirectory(SimDisk.FolderOf(ContainerFiles.NameOf(id)));
    }

    public IEnumerable<ContainerId> List()
    {
        for (int low = 0; low < 256; low++)
        {
            string folder = SimDisk.FolderOf(ContainerFiles.NameOf(new ContainerId((ulong)low)));
            foreach (string name in disk.List(folder))
                yield return new ContainerId(ulong.Parse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        }
    }

    public ContainerStat Stat(IDiskFile file)
    {
        SimInode inode = ((SimFile)file).Inode;
        return new ContainerStat(inode.LengthBytes, inode.LengthBytes, inode.ModifyTime, inode.ChangeTime)
        {
            IsDecisive = bug == PlantedBug.TicksIgnored || disk.IsOver(inode.ChangeTime),
        };
    }

    public void SetModifyTime(IDiskFile file, Timestamp time)
    {
        var sim = (SimFile)file;
        sim.Disk.Touch(sim.Inode, isContent: false);
        sim.Inode.ModifyTime = time;
    }

    public void ProtectMapped(IDiskFile file, long offset, long countBytes)
    {
        disk.Step();
        ((SimFile)file).Inode.IsProtected = true;
    }

    public bool MayBeWritten(ContainerId id)
    {
        using var file = (SimFile)OpenToRead(id);
        return bug != PlantedBug.MappingsUnseen && file.Inode.IsMapped;
    }

    public DiskSpace GetSpace() => disk.GetSpace();
}
