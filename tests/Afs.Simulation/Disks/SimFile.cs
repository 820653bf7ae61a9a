using Afs.Platform;
using Microsoft.Win32.SafeHandles;

namespace Afs.Simulation;

/// <summary>An open file of a simulated disk.</summary>
internal sealed class SimFile(SimDiskView disk, SimInode inode) : IDiskFile
{
    public SimInode Inode => inode;

    public SimDiskView Disk => disk;

    public long LengthBytes => inode.LengthBytes;

    public SafeFileHandle? Handle => null;

    public int Read(long offset, Span<byte> destination) => inode.Read(offset, destination);

    public byte[] ReadAll()
    {
        byte[] bytes = new byte[LengthBytes];
        Read(0, bytes);
        return bytes;
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        disk.RequireRoom("a write");
        disk.Step();
        inode.Write(offset, data);
        disk.Touch(inode, isContent: true);
    }

    /// <summary>A store by a mapping, within the file.</summary>
    public void WriteMapped(long offset, ReadOnlySpan<byte> data)
    {
        disk.Step();
        if (inode.IsProtected)
            disk.Touch(inode, isContent: true);
        inode.IsProtected = false;
        inode.Write(offset, data);
    }

    public void SetLength(long lengthBytes)
    {
        disk.Step();
        inode.SetLength(lengthBytes);
        disk.Touch(inode, isContent: true);
    }

    public void Sync()
    {
        disk.Step();
        if (!disk.IgnoresSync)
            inode.Sync();
    }

    /// <summary>This disk loses what was not synced when the power goes, and nothing before.</summary>
    public void CheckWritten()
    {
    }

    public void Dispose()
    {
    }
}
