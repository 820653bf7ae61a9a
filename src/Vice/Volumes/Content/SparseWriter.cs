using Afs.Platform;

namespace Afs.Vice.Volumes.Content;

/// <summary>Writes a content from its beginning to its end, leaves holes where it is zero, and sums it up.</summary>
internal sealed class SparseWriter(IDiskFile file)
{
    /// <summary>Zeros that fill such a block, or the part of it that came in one piece, are not written. The file is new, so they read as zeros.</summary>
    private const int BlockBytes = 65_536;

    private Crc32C _crc;

    public long LengthBytes { get; private set; }

    public uint Crc32C => _crc.Value;

    public void Append(ReadOnlySpan<byte> data)
    {
        _crc.Add(data);
        while (!data.IsEmpty)
        {
            // Runs of written blocks go out in one call.
            int length = RunLength(data, out bool isHole);
            if (!isHole)
                file.Write(LengthBytes, data[..length]);
            LengthBytes += length;
            data = data[length..];
        }
    }

    /// <summary>The length, where the content ends in a hole.</summary>
    public void Finish() => file.SetLength(LengthBytes);

    private int RunLength(ReadOnlySpan<byte> data, out bool isHole)
    {
        int length = BlockAt(LengthBytes, data.Length);
        isHole = IsHole(data[..length]);
        while (length < data.Length)
        {
            int next = BlockAt(LengthBytes + length, data.Length - length);
            if (IsHole(data.Slice(length, next)) != isHole)
                break;
            length += next;
        }
        return length;
    }

    private static int BlockAt(long offset, int available) => (int)Math.Min(BlockBytes - offset % BlockBytes, available);

    private static bool IsHole(ReadOnlySpan<byte> block) => !block.ContainsAnyExcept((byte)0);
}
