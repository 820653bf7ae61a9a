using System.Runtime.InteropServices;

namespace Afs.Venus.Vfs;

/// <summary>One open regular file, or where <see cref="IsOpen"/> is zero, the last one of this place: its handle isn't given again. IsOpen is written last and cleared first.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = SizeBytes)]
public struct OpenFileRecord
{
    public const int SizeBytes = 64;

    public ulong Handle;
    public ulong Node;
    public ulong Container;
    public ulong Vnode;
    public ulong BaseVersion;

    /// <summary>The request that opened it: if the kernel sends that again, it never learned the handle.</summary>
    public ulong Request;
    public uint Volume, Uniquifier;
    public int Backing;
    public byte IsWritable, IsOpen;
}
