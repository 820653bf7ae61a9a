using System.Buffers;

namespace Afs.Platform;

/// <summary>Copies from file to file through memory.</summary>
internal static class PlainCopy
{
    private const int BufferBytes = 1 << 18;

    /// <exception cref="DiskException">A disk failed, or the source is too short.</exception>
    public static void Run(IDiskFile source, IDiskFile target, long offset, long countBytes)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(BufferBytes, Math.Max(1, countBytes)));
        for (long end = offset + countBytes; offset < end;)
        {
            int count = source.Read(offset, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset)));
            if (count == 0)
                throw new DiskException(DiskFailure.Failed, $"The file ends at {offset}, {end} bytes were to be copied.");
            target.Write(offset, buffer.AsSpan(0, count));
            offset += count;
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
