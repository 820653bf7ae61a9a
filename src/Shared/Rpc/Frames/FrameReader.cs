using System.Buffers.Binary;

namespace Afs.Rpc;

/// <summary>
/// The outermost layer of every frame. Stateless: bytes in, values out; it never touches a socket.
/// <code>
///  0               4        5
/// +---------------+--------+---------------------------+
/// | length (32)   | type(8)| content (length - 1 bytes)|
/// +---------------+--------+---------------------------+
/// </code>
/// The length counts type and content. Numbers are big-endian.
/// </summary>
public static class FrameReader
{
    /// <summary>The length field, checked against <paramref name="maxBytes"/>. False: not yet all there.</summary>
    /// <exception cref="MalformedMessageException">The length is zero or past the bound.</exception>
    public static bool TryReadLength(ReadOnlySpan<byte> bytes, int maxBytes, out int lengthBytes)
    {
        lengthBytes = 0;
        if (bytes.Length < FrameLimits.PrefixBytes)
            return false;
        uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        if (length == 0 || length > (uint)maxBytes)
            throw new MalformedMessageException($"Malformed frame: a length of {length} bytes, where 1 to {maxBytes} may be.");
        lengthBytes = (int)length;
        return true;
    }

    /// <summary>The type, which must be one that there is.</summary>
    public static FrameType ReadType(byte value)
    {
        var type = (FrameType)value;
        return type is (>= FrameType.Hello and <= FrameType.Goodbye) or (>= FrameType.BulkDownload and <= FrameType.BulkChunk)
            ? type
            : throw new MalformedMessageException($"Malformed frame: there is no type {value}.");
    }
}
