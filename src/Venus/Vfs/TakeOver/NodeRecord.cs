using System.Runtime.InteropServices;

namespace Afs.Venus.Vfs;

/// <summary>One node that the kernel knows. Valid where <see cref="Node"/> isn't zero, which is written last and cleared first.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = SizeBytes)]
public struct NodeRecord
{
    public const int SizeBytes = 64;

    public ulong Node;
    public ulong Vnode;
    public ulong Lookups;
    public uint Volume, Uniquifier;

    /// <summary>Of a vnode that was removed while it was in use here; the server knows no more of it.</summary>
    public uint Mode, Uid, Gid;
    public byte Type;
    public byte IsDetached, IsRemoved;

    /// <summary>Only in the first record, which is no node: the highest NodeId ever given.</summary>
    public ulong LastNode;
}
