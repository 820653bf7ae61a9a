using System.Buffers.Binary;
using System.Text;

namespace Afs.Rpc;

/// <summary>Reads a frame's fixed part from bytes that nobody has checked.</summary>
internal ref struct FieldReader(FrameType type, ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _bytes = bytes;

    public byte Byte() => Take(sizeof(byte))[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(sizeof(ushort)));

    public uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(sizeof(uint)));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(sizeof(ulong)));

    /// <summary>A length or offset: at most 2^63 - 1.</summary>
    public long Length()
    {
        ulong value = UInt64();
        return value <= long.MaxValue ? (long)value : throw new MalformedMessageException($"Malformed {type} frame: a length of {value}.");
    }

    /// <summary>The rest of the frame, as a text that is safe to show: bad bytes and control characters are replaced.</summary>
    public string Text()
    {
        if (_bytes.Length > FrameLimits.TextBytes)
            throw new MalformedMessageException($"Malformed {type} frame: a text of {_bytes.Length} bytes.");
        string text = Encoding.UTF8.GetString(_bytes);
        _bytes = default;
        return string.Create(text.Length, text, static (shown, raw) =>
        {
            for (int i = 0; i < raw.Length; i++)
                shown[i] = char.IsControl(raw[i]) ? ' ' : raw[i];
        });
    }

    public readonly void RequireEnd()
    {
        if (_bytes.Length != 0)
            throw new MalformedMessageException($"Malformed {type} frame: {_bytes.Length} bytes too many.");
    }

    private ReadOnlySpan<byte> Take(int lengthBytes)
    {
        if (_bytes.Length < lengthBytes)
            throw new MalformedMessageException($"Malformed {type} frame: it ends early.");
        ReadOnlySpan<byte> taken = _bytes[..lengthBytes];
        _bytes = _bytes[lengthBytes..];
        return taken;
    }
}
