using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>
/// Writes fetched content into a new container file and computes its checksum, and the sums of its blocks where they are wanted. Blocks of zeros are left
/// out, so that a sparse file stays sparse. Not safe for concurrent use.
/// </summary>
/// <param name="sums">Null: too short, or too long, for them. Belongs to the caller.</param>
internal sealed class ContainerWriter(IDiskFile file, ArrivingSums? sums)
{
    private Crc32C _crc;

    /// <summary>Bytes that came so far.</summary>
    public long Position { get; private set; }

    /// <summary>Of all of it, once all came.</summary>
    public uint Crc32C => sums?.Sums.WholeCrc32C() ?? _crc.Value;

    /// <summary>In order; an offset of zero begins again.</summary>
    public void Write(long offset, ReadOnlySpan<byte> data, long lengthBytes)
    {
        if (offset == 0)
            Restart(lengthBytes);
        if (offset != Position || data.Length > lengthBytes - offset)
            throw new InvalidDataException($"Content came at {offset} where {Position} of {lengthBytes} was expected.");
        if (sums is null)
            _crc.Add(data);
        else
            sums.Add(offset, data);
        Position += data.Length;
        SparseWrite.Run(file, offset, data);
    }

    private void Restart(long lengthBytes)
    {
        bool wasWritten = Position > 0;
        _crc = new();
        sums?.Restart();
        Position = 0;
        if (wasWritten || lengthBytes == 0 || file.LengthBytes != lengthBytes)
        {
            file.SetLength(0);
            file.SetLength(lengthBytes); // One that is read already has its length from the beginning.
        }
    }
}
