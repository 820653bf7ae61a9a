using Afs.Bench.Macro.Native;

namespace Afs.Bench.Macro.Workloads;

/// <summary>Writing and reading a large file from end to end.</summary>
public static class LargeFile
{
    private const int ChunkBytes = 1 << 20;

    [ThreadStatic]
    private static byte[]? _buffer;

    /// <summary>Writes bytes that don't compress and that differ from chunk to chunk, so that no layer can shrink them.</summary>
    public static void Fill(NativeFile file, long lengthBytes)
    {
        byte[] chunk = new byte[Math.Min(ChunkBytes, lengthBytes)];
        new Random(ChunkBytes).NextBytes(chunk);
        for (long at = 0; at < lengthBytes; at += chunk.Length)
        {
            BitConverter.TryWriteBytes(chunk, at);
            file.Write(chunk.AsSpan(0, (int)Math.Min(chunk.Length, lengthBytes - at)), at);
        }
    }

    /// <summary>open, write everything, close.</summary>
    public static void Write(NativePath path, long lengthBytes)
    {
        using NativeFile file = NativeFile.Create(path);
        Fill(file, lengthBytes);
    }

    /// <summary>open, read everything, close.</summary>
    /// <exception cref="IOException">The length isn't what it should be.</exception>
    public static void Read(NativePath path, long lengthBytes)
    {
        using NativeFile file = NativeFile.OpenRead(path);
        ReadFrom(file, 0, lengthBytes);
    }

    public static void ReadFrom(NativeFile file, long offset, long lengthBytes)
    {
        byte[] buffer = _buffer ??= new byte[ChunkBytes];
        int count;
        while ((count = file.Read(buffer, offset)) > 0)
            offset += count;
        if (offset != lengthBytes)
            throw new IOException($"Read {offset} bytes instead of {lengthBytes}.");
    }
}
