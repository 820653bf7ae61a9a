using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>
/// Writes fetched content into a new container file and computes its checksum. Blocks of zeros are left out, so that a sparse file stays
/// sparse. Not safe for concurrent use.
/// </summary>
internal sealed class ContainerWriter(IDiskFile file)
{
    private const int BlockBytes = 65536;

    private Crc32C _crc;

    /// <summary>Bytes that came so far.</summary>
    public long Position { get; private set; }

    public uint Crc32C => _crc.Value;

    /// <summary>In order; an offset of zero begins again.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data, long lengthBytes)
    {
        if (offset == 0)
        {
            bool wasWritten = Position > 0;
            _crc = new();
            Position = 0;
            if (wasWritten || lengthBytes == 0 || file.LengthBytes != lengthBytes)
            {
                file.SetLength(0);
                file.SetLength(lengthBytes); // One that is read already has its length from the beginning.
            }
        }
        if (offset != Position || data.Length > lengthBytes - offset)
            throw new InvalidDataException($"Content came at {offset} where {Position} of {lengthBytes} was expected.");
        _crc.Add(data);
        Position += data.Length;
        while (data.Length > 0)
        {
            int count = (int)Math.Min(data.Length, BlockBytes - offset % BlockBytes);
            if (data[..count].ContainsAnyExcept((byte)0))
                file.Write(offset, data[..count]);
            data = data[count..];
            offset += count;
        }
    }
}
