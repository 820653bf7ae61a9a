using Afs.Bench.Macro.Native;

namespace Afs.Bench.Macro.Workloads;

/// <summary>A copy by read and write, as a program without copy_file_range makes it.</summary>
public static class FileCopy
{
    [ThreadStatic]
    private static byte[]? _buffer;

    public static void Copy(NativePath from, NativePath to)
    {
        byte[] buffer = _buffer ??= new byte[1 << 20];
        using NativeFile source = NativeFile.OpenRead(from);
        using NativeFile destination = NativeFile.Create(to);
        long at = 0;
        int count;
        while ((count = source.Read(buffer, at)) > 0)
        {
            destination.Write(buffer.AsSpan(0, count), at);
            at += count;
        }
    }
}
