using System.Runtime.InteropServices;

namespace Afs.Cli;

/// <summary>realpath(3): the path without links, by the kernel's own walk and this user's rights.</summary>
internal static partial class RealPath
{
    /// <summary>Null: it isn't there, or can't be reached.</summary>
    public static string? Of(string path)
    {
        nint resolved = Resolve(path, 0);
        if (resolved == 0)
            return null;
        try
        {
            return Marshal.PtrToStringUTF8(resolved);
        }
        finally
        {
            Free(resolved);
        }
    }

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Resolve(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint memory);
}
