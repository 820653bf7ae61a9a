using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Afs.Rpc;

/// <summary>The version that both sides must have. It rises when a frame's layout or the meaning of a field changes.</summary>
public static class ProtocolVersion
{
    public const ushort Current = 3;
}

/// <summary>The first byte of a frame's content. Numbers are never reused.</summary>
public enum FrameType : byte
{
    None = 0,
    Hello = 1,
    Welcome = 2,
    Refusal = 3,
    Request = 4,
    Reply = 5,
    Ping = 6,
    Pong = 7,
    Goodbye = 8,
    BulkDownload = 16,
    BulkUpload = 17,
    BulkStart = 18,
    BulkChunk = 19,
}

/// <summary>Bounds of frames, checked before a byte of the content is read.</summary>
public static class FrameLimits
{
    /// <summary>Bytes of the length field.</summary>
    public const int PrefixBytes = 4;

    /// <summary>
    /// The most bytes of a frame on a control connection, without the length field. The largest reply of the contract, a directory page with
    /// its statuses, has less.
    /// </summary>
    public const int ControlBytes = 2 * 1024 * 1024;

    /// <summary>The most content bytes in one chunk.</summary>
    public const int ChunkBytes = 1024 * 1024;

    /// <summary>The most bytes of a frame on a bulk connection, without the length field.</summary>
    public const int BulkBytes = ChunkBytes + 64;

    /// <summary>The most bytes of the name of an <see cref="RpcScope"/>, in UTF-8.</summary>
    public const int ScopeBytes = 64;

    /// <summary>The most bytes of a text that is shown to people.</summary>
    public const int TextBytes = 512;
}

/// <summary>A frame's fixed part. Its body, if it has one, follows it to the end of the frame.</summary>
internal interface IFrame
{
    static abstract FrameType Type { get; }

    /// <summary>Bytes of the fixed part.</summary>
    int FixedBytes { get; }

    void Write(ref FieldWriter fields);
}

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

/// <summary>Writes whole frames, each with its length field.</summary>
internal static class FrameWriter
{
    private const int TypeBytes = 1;

    /// <summary>Bytes that a frame takes on the wire.</summary>
    public static int WireBytes<TFrame>(TFrame frame, int bodyBytes)
        where TFrame : struct, IFrame => FrameLimits.PrefixBytes + TypeBytes + frame.FixedBytes + bodyBytes;

    /// <summary>Writes all of a frame but its body, which must follow.</summary>
    public static int WriteHead<TFrame>(Span<byte> target, TFrame frame, int bodyBytes)
        where TFrame : struct, IFrame
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, (uint)(TypeBytes + frame.FixedBytes + bodyBytes));
        target[FrameLimits.PrefixBytes] = (byte)TFrame.Type;
        var fields = new FieldWriter(target.Slice(FrameLimits.PrefixBytes + TypeBytes, frame.FixedBytes));
        frame.Write(ref fields);
        return FrameLimits.PrefixBytes + TypeBytes + frame.FixedBytes;
    }

    public static void Write<TFrame>(IBufferWriter<byte> output, TFrame frame, ReadOnlySpan<byte> body)
        where TFrame : struct, IFrame
    {
        int wireBytes = WireBytes(frame, body.Length);
        Span<byte> target = output.GetSpan(wireBytes);
        int head = WriteHead(target, frame, body.Length);
        body.CopyTo(target[head..]);
        output.Advance(wireBytes);
    }
}

/// <summary>Reads a frame's fixed part from bytes that nobody has checked.</summary>
internal ref struct FieldReader(FrameType type, ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _bytes = bytes;

    public byte Byte() => Take(sizeof(byte))[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(sizeof(ushort)));

    public uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(sizeof(uint)));

    public SessionToken Token() => SessionToken.From(Take(SessionToken.Bytes));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(sizeof(ulong)));

    /// <summary>A length or offset: at most 2^63 - 1.</summary>
    public long Length()
    {
        ulong value = UInt64();
        return value <= long.MaxValue ? (long)value : throw new MalformedMessageException($"Malformed {type} frame: a length of {value}.");
    }

    /// <summary>The name of a scope, its length (8) before it. It is compared with those that there are, and never shown.</summary>
    public string Scope()
    {
        int lengthBytes = Byte();
        try
        {
            return lengthBytes <= FrameLimits.ScopeBytes
                ? Strict.GetString(Take(lengthBytes))
                : throw new MalformedMessageException($"Malformed {type} frame: a scope's name of {lengthBytes} bytes.");
        }
        catch (DecoderFallbackException)
        {
            throw new MalformedMessageException($"Malformed {type} frame: a scope's name that is no UTF-8.");
        }
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

/// <summary>Writes a frame's fixed part: big-endian, without padding.</summary>
internal ref struct FieldWriter(Span<byte> target)
{
    private readonly Span<byte> _target = target;
    private int _position = 0;

    public void Byte(byte value) => _target[_position++] = value;

    public void UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_target[_position..], value);
        _position += sizeof(ushort);
    }

    public void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_target[_position..], value);
        _position += sizeof(uint);
    }

    public void Token(SessionToken token)
    {
        token.CopyTo(_target[_position..]);
        _position += SessionToken.Bytes;
    }

    public void Scope(string name)
    {
        int lengthBytes = Encoding.UTF8.GetBytes(name, _target[(_position + 1)..]);
        Byte((byte)lengthBytes);
        _position += lengthBytes;
    }

    public void UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_target[_position..], value);
        _position += sizeof(ulong);
    }
}

/// <summary>
/// A frame as it came, its content not yet read. Its array belongs to whoever received it, who calls <see cref="Dispose"/> exactly once,
/// when nothing refers to <see cref="Content"/> any more.
/// </summary>
public readonly struct ReceivedFrame(FrameType type, byte[] rented, int lengthBytes) : IDisposable
{
    /// <summary>The peer ended the connection in good order.</summary>
    public static ReceivedFrame End => default;

    public FrameType Type { get; } = type;

    public bool IsEnd => Type == FrameType.None;

    /// <summary>All that follows the type byte.</summary>
    public ReadOnlyMemory<byte> Content => rented.AsMemory(0, lengthBytes);

    /// <summary>A frame of which the content is a copy of <paramref name="content"/> in a rented array.</summary>
    public static ReceivedFrame CopyOf(FrameType type, ReadOnlySpan<byte> content)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(Math.Max(content.Length, 1));
        content.CopyTo(rented);
        return new ReceivedFrame(type, rented, content.Length);
    }

    public void Dispose()
    {
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
    }
}
