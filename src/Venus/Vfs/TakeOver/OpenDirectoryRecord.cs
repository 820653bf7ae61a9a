using System.Runtime.InteropServices;

namespace Afs.Venus.Vfs;

/// <summary>One open directory. Valid where <see cref="Handle"/> isn't zero, which is written last and cleared first.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = SizeBytes)]
public struct OpenDirectoryRecord
{
    public const int SizeBytes = 32;

    public ulong Handle;
    public ulong Node;
    public ulong Request;
}
