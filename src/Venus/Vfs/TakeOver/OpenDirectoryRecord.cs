using System.Runtime.InteropServices;

namespace Afs.Venus.Vfs;

/// <summary>One open directory, or where <see cref="IsOpen"/> is zero, the last one of this place, as of <see cref="OpenFileRecord"/>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = SizeBytes)]
public struct OpenDirectoryRecord
{
    public const int SizeBytes = 32;

    public ulong Handle;
    public ulong Node;
    public ulong Request;
    public byte IsOpen;
}
