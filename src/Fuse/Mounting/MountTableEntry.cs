namespace Afs.Fuse.Mounting;

/// <summary>One line of the mount table. For FUSE the device's minor number names the connection under /sys/fs/fuse/connections.</summary>
internal readonly record struct MountTableEntry(string MountPoint, string FileSystemType, uint DeviceMinor)
{
    public bool IsFuse => FileSystemType is "fuse" or "fuseblk" || FileSystemType.StartsWith("fuse.", StringComparison.Ordinal);
}
