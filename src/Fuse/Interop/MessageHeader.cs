using System.Runtime.InteropServices;

namespace Afs.Fuse.Interop;

/// <summary><c>struct msghdr</c> of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameBytes;
    public IoVector* Vectors;
    public nuint VectorCount;
    public void* Control;
    public nuint ControlBytes;
    public int Flags;
}

/// <summary><c>struct iovec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public void* Base;
    public nuint LengthBytes;
}

/// <summary>A <c>struct cmsghdr</c> that carries one descriptor (SCM_RIGHTS), padded to 24 bytes (CMSG_SPACE).</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct DescriptorControlMessage
{
    /// <summary>CMSG_LEN of one int.</summary>
    public const int LengthWithOneDescriptor = 20;

    public nuint LengthBytes;
    public int Level;
    public int Type;
    public int Descriptor;
}
