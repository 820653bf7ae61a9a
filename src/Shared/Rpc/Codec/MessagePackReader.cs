using System.Buffers.Binary;

namespace Afs.Rpc;

/// <summary>
/// Reads MessagePack from bytes that nobody has checked. Every length is compared with its limit and with the bytes that are left
/// before anything is allocated; nesting is bounded. Any integer form that holds the value is read, as the specification asks.
/// </summary>
/// <remarks>Every method throws <see cref="MalformedMessageException"/> where the bytes are not what it reads, and nothing else.</remarks>
public ref partial struct MessagePackReader(ReadOnlySpan<byte> bytes)
{
    /// <summary>The deepest nesting of arrays and maps. The deepest message of the contract has less than half of it.</summary>
    public const int MaxDepth = 16;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _position = 0;
    private int _depth = 0;

    public readonly int RemainingBytes => _bytes.Length - _position;

    /// <summary>Ends the reading: a byte after the value is malformed.</summary>
    public readonly void RequireEnd()
    {
        if (RemainingBytes != 0)
            throw Malformed($"{RemainingBytes} bytes follow the message");
    }

    /// <summary>Starts a message: an array, of which the value is the number of elements. <see cref="EndMessage"/> must follow.</summary>
    public int BeginMessage()
    {
        Enter();
        return ReadArrayHeader();
    }

    /// <summary>Ends a message of which <paramref name="known"/> elements have been read: those that a later version added are skipped.</summary>
    public void EndMessage(int count, int known)
    {
        for (int i = known; i < count; i++)
            Skip();
        _depth--;
    }

    /// <summary>Starts a list field of at most <paramref name="limit"/> elements. <see cref="EndList"/> must follow.</summary>
    public int BeginList(int limit)
    {
        Enter();
        int count = ReadArrayHeader();
        if (count > limit)
            throw Malformed($"a list of {count} is past its field's limit of {limit}");
        return count;
    }

    public void EndList() => _depth--;

    /// <summary>True, and the nil is consumed, where the next value is nil.</summary>
    public bool TryReadNil()
    {
        if (RemainingBytes == 0 || _bytes[_position] != MessagePackCode.Nil)
            return false;
        _position++;
        return true;
    }

    public bool ReadBoolean() => TakeByte() switch
    {
        MessagePackCode.True => true,
        MessagePackCode.False => false,
        byte code => throw Unexpected(code, "a boolean"),
    };

    public string ReadString(int limitBytes)
    {
        byte code = TakeByte();
        uint length = code switch
        {
            >= MessagePackCode.FixString and < MessagePackCode.Nil => code & 0x1fu,
            MessagePackCode.String8 => TakeByte(),
            MessagePackCode.String16 => TakeUInt16(),
            MessagePackCode.String32 => TakeUInt32(),
            _ => throw Unexpected(code, "a string"),
        };
        ReadOnlySpan<byte> utf8 = Take(length, limitBytes, "string");
        if (!System.Text.Unicode.Utf8.IsValid(utf8))
            throw Malformed("a string is not UTF-8");
        return System.Text.Encoding.UTF8.GetString(utf8);
    }

    /// <summary>A copy of a byte array field: it may outlive the frame.</summary>
    public byte[] ReadBytes(int limitBytes)
    {
        byte code = TakeByte();
        uint length = code switch
        {
            MessagePackCode.Bin8 => TakeByte(),
            MessagePackCode.Bin16 => TakeUInt16(),
            MessagePackCode.Bin32 => TakeUInt32(),
            _ => throw Unexpected(code, "a byte array"),
        };
        return Take(length, limitBytes, "byte array").ToArray();
    }

    private int ReadArrayHeader()
    {
        byte code = TakeByte();
        uint count = code switch
        {
            >= MessagePackCode.FixArray and < MessagePackCode.FixString => code & 0x0fu,
            MessagePackCode.Array16 => TakeUInt16(),
            MessagePackCode.Array32 => TakeUInt32(),
            _ => throw Unexpected(code, "an array"),
        };

        // Each element has at least one byte, so no count can be larger than what is left.
        if (count > (uint)RemainingBytes)
            throw Malformed($"an array of {count} in {RemainingBytes} bytes");
        return (int)count;
    }

    private void Enter()
    {
        if (++_depth > MaxDepth)
            throw Malformed($"nesting is deeper than {MaxDepth}");
    }

    private ReadOnlySpan<byte> Take(uint lengthBytes, int limitBytes, string what)
    {
        if (lengthBytes > (uint)limitBytes)
            throw Malformed($"a {what} of {lengthBytes} is past its field's limit of {limitBytes}");
        return Take(lengthBytes);
    }

    private ReadOnlySpan<byte> Take(uint lengthBytes)
    {
        if (lengthBytes > (uint)RemainingBytes)
            throw Malformed($"{lengthBytes} bytes announced, {RemainingBytes} there");
        ReadOnlySpan<byte> taken = _bytes.Slice(_position, (int)lengthBytes);
        _position += (int)lengthBytes;
        return taken;
    }

    private byte TakeByte() => Take(1)[0];

    private ushort TakeUInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    private uint TakeUInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    private ulong TakeUInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    private readonly MalformedMessageException Unexpected(byte code, string wanted) => Malformed($"0x{code:x2} where {wanted} belongs");

    private readonly MalformedMessageException Malformed(string what) => new($"Malformed message at byte {_position} of {_bytes.Length}: {what}.");
}
