using Afs.Platform;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>A disk in the hands of one life of its machine: each change is a step, at which the life may end.</summary>
internal sealed class SimDiskView(SimDisk disk, SimHost host, TimeProvider time) : IDisk
{
    /// <summary>A planted error: fsync says yes and does nothing.</summary>
    public bool IgnoresSync { get; init; }

    /// <summary>A planted error: which folder is synced instead of the one that was named; null: that one.</summary>
    public string? SyncsInstead { get; init; }

    /// <summary>In the hands of an application, which has made room before.</summary>
    public bool HasRoom { get; init; }

    public IDiskFile Open(string name, DiskOpenMode mode)
    {
        if (disk.Find(name) is { } found)
        {
            return mode == DiskOpenMode.CreateNew
                ? throw new DiskException(DiskFailure.Exists, $"{name} exists.")
                : new SimFile(this, found);
        }
        if (mode is DiskOpenMode.Read or DiskOpenMode.ReadWrite)
            throw new DiskException(DiskFailure.NotFound, $"{name} is not there.");
        RequireFolder(name);
        RequireRoom(name);
        host.Step();
        var inode = new SimInode();
        Touch(inode, isContent: true);
        disk.Link(name, inode);
        return new SimFile(this, inode);
    }

    public bool Exists(string name) => disk.Find(name) is not null;

    public void Rename(string from, string to)
    {
        if (disk.Find(from) is null)
            throw new DiskException(DiskFailure.NotFound, $"{from} is not there.");
        RequireFolder(to);
        host.Step();
        disk.Move(from, to);
    }

    public bool Delete(string name)
    {
        if (disk.Find(name) is null)
            return false;
        host.Step();
        disk.Unlink(name);
        return true;
    }

    public void CreateDirectory(string name) => disk.MakeFolder(name);

    public IEnumerable<string> List(string directory) => disk.List(directory);

    public void SyncDirectory(string directory)
    {
        host.Step();
        if (!IgnoresSync)
            disk.SyncNames(SyncsInstead ?? directory);
    }

    public DiskSpace GetSpace() => new(1L << 40, disk.IsFull ? 0 : 1L << 39);

    /// <exception cref="DiskException">The disk is full.</exception>
    public void RequireRoom(string what)
    {
        if (disk.IsFull && !HasRoom)
            throw new DiskException(DiskFailure.NoSpace, $"There is no room for {what}.");
    }

    private void RequireFolder(string name)
    {
        if (!disk.HasFolder(SimDisk.FolderOf(name)))
            throw new DiskException(DiskFailure.NotFound, $"The folder of {name} is not there.");
    }

    /// <summary>A change is about to be made.</summary>
    public void Step() => host.Step();

    public void Touch(SimInode inode, bool isContent)
    {
        long ns = disk.NextTimeNs(time);
        inode.ChangeTime = ToTimestamp(ns);
        if (isContent)
            inode.ModifyTime = inode.ChangeTime;
    }

    /// <summary>No change from here on gets this time.</summary>
    public bool IsOver(Timestamp changeTime) => disk.IsOver(changeTime.Seconds * 1_000_000_000 + changeTime.Nanoseconds, time);

    private static Timestamp ToTimestamp(long ns) => new(ns / 1_000_000_000, (uint)(ns % 1_000_000_000));
}
