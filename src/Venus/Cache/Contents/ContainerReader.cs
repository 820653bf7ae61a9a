using Afs.Platform;

namespace Afs.Venus.Cache;

/// <summary>Reads a container's content for a store and computes its checksum. Not safe for concurrent use.</summary>
internal sealed class ContainerReader(IDiskFile file, long lengthBytes)
{
    private const int BlockBytes = 1 << 20;

    private Crc32C _crc;
    private long _position;

    public uint Crc32C => _crc.Value;

    /// <summary>In order; an offset of zero begins again.</summary>
    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    public int Read(long offset, Span<byte> destination)
    {
        if (offset == 0)
            (_crc, _position) = (new(), 0);
        if (offset != _position)
            throw new InvalidOperationException($"Read at {offset} where {_position} was expected.");
        int wanted = (int)Math.Min(destination.Length, lengthBytes - offset);
        if (file.Read(offset, destination[..wanted]) != wanted)
            throw new ShrunkException();
        _crc.Add(destination[..wanted]);
        _position += wanted;
        return wanted;
    }

    /// <summary>The checksum of all of it.</summary>
    /// <exception cref="ShrunkException">The file ends before its length.</exception>
    public static uint Checksum(IDiskFile file, long lengthBytes)
    {
        var reader = new ContainerReader(file, lengthBytes);
        byte[] buffer = new byte[Math.Min(BlockBytes, lengthBytes)];
        for (long offset = 0; offset < lengthBytes;)
            offset += reader.Read(offset, buffer);
        return reader.Crc32C;
    }
}
