namespace Afs.Platform;

/// <summary>Writes to a file where it has nothing yet, and leaves blocks of zeros out: they read as zeros, and take no room.</summary>
public static class SparseWrite
{
    private const int BlockBytes = 65_536;

    /// <summary>Zeros that fill a block of 64 KiB, or the part of it that is given here, are not written. Runs of the others go out in one call.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static void Run(IDiskFile file, long offset, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            int length = RunLength(offset, data, out bool isHole);
            if (!isHole)
                file.Write(offset, data[..length]);
            offset += length;
            data = data[length..];
        }
    }

    private static int RunLength(long offset, ReadOnlySpan<byte> data, out bool isHole)
    {
        int length = BlockAt(offset, data.Length);
        isHole = IsHole(data[..length]);
        while (length < data.Length)
        {
            int next = BlockAt(offset + length, data.Length - length);
            if (IsHole(data.Slice(length, next)) != isHole)
                break;
            length += next;
        }
        return length;
    }

    private static int BlockAt(long offset, int available) => (int)Math.Min(BlockBytes - offset % BlockBytes, available);

    private static bool IsHole(ReadOnlySpan<byte> block) => !block.ContainsAnyExcept((byte)0);
}
