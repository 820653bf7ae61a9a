using System.Globalization;
using Afs.Platform;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>Container files on a simulated disk, by the names that the real ones have.</summary>
internal sealed class SimContainerFiles(SimDiskView disk) : IContainerFiles
{
    public IDiskFile Create(ContainerId id) => disk.Open(ContainerFiles.NameOf(id), DiskOpenMode.CreateNew);

    public IDiskFile Open(ContainerId id) => disk.Open(ContainerFiles.NameOf(id), DiskOpenMode.ReadWrite);

    public bool Delete(ContainerId id) => disk.Delete(ContainerFiles.NameOf(id));

    public IEnumerable<ContainerId> List()
    {
        for (int low = 0; low < 256; low++)
        {
            string folder = ContainerFiles.NameOf(new ContainerId((ulong)low));
            foreach (string name in disk.List(folder[..folder.LastIndexOf('/')]))
                yield return new ContainerId(ulong.Parse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        }
    }

    public ContainerStat Stat(IDiskFile file)
    {
        SimInode inode = ((SimFile)file).Inode;
        return new ContainerStat(inode.LengthBytes, inode.LengthBytes, inode.ModifyTime, inode.ChangeTime);
    }

    public void SetModifyTime(IDiskFile file, Timestamp time)
    {
        var sim = (SimFile)file;
        sim.Disk.Touch(sim.Inode, isContent: false);
        sim.Inode.ModifyTime = time;
    }

    /// <summary>Nobody maps here; but the daemon may die at this step.</summary>
    public void ProtectMapped(IDiskFile file, long offset, long countBytes) => disk.Step();

    /// <summary>Applications write through their open files alone here; nobody maps.</summary>
    public bool MayBeWritten(ContainerId id) => false;

    public DiskSpace GetSpace() => disk.GetSpace();
}
