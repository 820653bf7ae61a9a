using System.Buffers;
using System.Text;
using MessagePack;

namespace Afs.Rpc;

/// <summary>
/// Whole messages to MessagePack bytes and back. The stub generator writes each message's fields; the package MessagePack writes and
/// reads the values (https://github.com/msgpack/msgpack/blob/master/spec.md); this file checks what the package doesn't: the limit of
/// each field, the depth, and that nothing follows the message.
/// </summary>
public static class WireCodec
{
    /// <exception cref="InvalidOperationException">A field is past its limit: the receiver would end the connection over it.</exception>
    public static byte[] ToBytes<T>(T message)
        where T : IWireMessage<T>
    {
        var output = new ArrayBufferWriter<byte>(256);
        Encode(output, message);
        return output.WrittenSpan.ToArray();
    }

    /// <inheritdoc cref="ToBytes{T}(T)"/>
    public static void Encode<T>(IBufferWriter<byte> output, T message)
        where T : IWireMessage<T>
    {
        var writer = new WireWriter(output);
        T.Encode(ref writer, message);
        writer.Flush();
    }

    /// <summary>Decodes exactly one message; bytes after it are malformed.</summary>
    /// <exception cref="MalformedMessageException">The bytes are malformed or past a limit.</exception>
    public static T FromBytes<T>(ReadOnlyMemory<byte> bytes)
        where T : IWireMessage<T>
    {
        var reader = new WireReader(bytes);
        try
        {
            T message = T.Decode(ref reader);
            reader.RequireEnd();
            return message;
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException or ArgumentOutOfRangeException)
        {
            // The package throws the last of them for a length of 2^31 and more.
            throw reader.Malformed(e is ArgumentOutOfRangeException ? "a length past its end" : e.Message.TrimEnd('.'));
        }
    }
}

/// <summary>A message with its codec. The stub generator implements this for every partial type marked <see cref="WireMessageAttribute"/>.</summary>
public interface IWireMessage<TSelf>
    where TSelf : IWireMessage<TSelf>
{
    static abstract void Encode(ref WireWriter writer, TSelf message);

    /// <summary>Called by <see cref="WireCodec.FromBytes"/>, which makes one kind of exception of what malformed bytes lead to.</summary>
    static abstract TSelf Decode(ref WireReader reader);
}

/// <summary>A record or readonly struct that travels as a MessagePack array; the stub generator writes its codec.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct)]
public sealed class WireMessageAttribute : Attribute;

/// <summary>A property's index in the MessagePack array, by MessagePack-CSharp's rules: gaps are nil, unknown later indexes are skipped.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class KeyAttribute(int index) : Attribute
{
    public int Index { get; } = index;
}

/// <summary>The most bytes (for strings and byte arrays) or elements (for lists) that a field may have. Checked before anything is allocated.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class LimitAttribute(int most) : Attribute
{
    public int Most { get; } = most;

    /// <summary>For a list of strings or byte arrays: the most bytes of each element. Compulsory there.</summary>
    public int Each { get; init; }
}

/// <summary>Bytes from the other side that no correct peer sends. Whoever reads the connection catches it, and ends the connection with its message as the one reason.</summary>
public sealed class MalformedMessageException(string message) : Exception(message);

/// <summary>Writes a message's values, each in its shortest form, and refuses what is past its field's limit.</summary>
public ref struct WireWriter(IBufferWriter<byte> output)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private MessagePackWriter _writer = new(output);

    public void WriteNil() => _writer.WriteNil();

    public void Write(bool value) => _writer.Write(value);

    public void Write(ulong value) => _writer.Write(value);

    public void Write(long value) => _writer.Write(value);

    /// <summary>Starts a message of <paramref name="count"/> fields, which the caller writes next.</summary>
    public void WriteArrayHeader(int count) => _writer.WriteArrayHeader(count);

    /// <summary>Starts a list field, checked against its limit.</summary>
    public void WriteListHeader(int count, int limit)
    {
        RequireWithin(count, limit, "list");
        _writer.WriteArrayHeader(count);
    }

    /// <exception cref="InvalidOperationException">The string is longer than its field's limit: the receiver would end the connection over it.</exception>
    public void Write(string value, int limitBytes)
    {
        int length = StrictUtf8.GetByteCount(value);
        RequireWithin(length, limitBytes, "string");
        _writer.WriteStringHeader(length);
        StrictUtf8.GetBytes(value, _writer.GetSpan(length));
        _writer.Advance(length);
    }

    /// <inheritdoc cref="Write(string, int)"/>
    public void Write(ReadOnlySpan<byte> value, int limitBytes)
    {
        RequireWithin(value.Length, limitBytes, "byte array");
        _writer.Write(value);
    }

    /// <summary>Hands what was written to the buffer writer: the end of every message.</summary>
    internal void Flush() => _writer.Flush();

    private static void RequireWithin(int length, int limit, string what)
    {
        if (length > limit)
            throw new InvalidOperationException($"A {what} of {length} is past its field's limit of {limit}.");
    }
}

/// <summary>
/// Reads a message's values from bytes that nobody has checked. Every length is compared with its limit and with the bytes that are left
/// before anything is allocated; nesting is bounded. Any integer form that holds the value is read, as the specification asks.
/// </summary>
/// <remarks>Only <see cref="WireCodec.FromBytes"/> makes one. What the package throws leaves it there as <see cref="MalformedMessageException"/>.</remarks>
public ref struct WireReader
{
    /// <summary>The deepest nesting of arrays and maps. The deepest message of the contract has less than half of it.</summary>
    public const int MaxDepth = 16;

    private readonly int _lengthBytes;
    private MessagePackReader _reader;
    private int _depth;

    internal WireReader(ReadOnlyMemory<byte> bytes)
    {
        _lengthBytes = bytes.Length;
        _reader = new MessagePackReader(bytes);
    }

    /// <summary>Starts a message: an array, of which the value is the number of elements. <see cref="EndMessage"/> must follow.</summary>
    public int BeginMessage()
    {
        Enter();
        return _reader.ReadArrayHeader();
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
        int count = _reader.ReadArrayHeader();
        return count <= limit ? count : throw Malformed($"a list of {count} is past its field's limit of {limit}");
    }

    public void EndList() => _depth--;

    /// <summary>True, and the nil is consumed, where the next value is nil.</summary>
    public bool TryReadNil() => _reader.TryReadNil();

    public bool ReadBoolean() => _reader.ReadBoolean();

    public byte ReadByte() => _reader.ReadByte();

    public ushort ReadUInt16() => _reader.ReadUInt16();

    public uint ReadUInt32() => _reader.ReadUInt32();

    public ulong ReadUInt64() => _reader.ReadUInt64();

    public sbyte ReadSByte() => _reader.ReadSByte();

    public short ReadInt16() => _reader.ReadInt16();

    public int ReadInt32() => _reader.ReadInt32();

    public long ReadInt64() => _reader.ReadInt64();

    public string ReadString(int limitBytes)
    {
        if (_reader.ReadStringSequence() is not { } text)
            throw Malformed("nil where a string belongs");
        RequireWithin(text.Length, limitBytes, "string");
        ReadOnlySpan<byte> utf8 = text.FirstSpan; // A message is one piece of memory.
        return System.Text.Unicode.Utf8.IsValid(utf8) ? Encoding.UTF8.GetString(utf8) : throw Malformed("a string is not UTF-8");
    }

    /// <summary>A copy of a byte array field: it may outlive the frame.</summary>
    public byte[] ReadBytes(int limitBytes)
    {
        // The package reads a string as bytes too, as the first MessagePack did.
        if (_reader.NextMessagePackType != MessagePackType.Binary || _reader.ReadBytes() is not { } bytes)
            throw Malformed($"{_reader.NextMessagePackType} where a byte array belongs");
        RequireWithin(bytes.Length, limitBytes, "byte array");
        return bytes.ToArray();
    }

    /// <summary>Reads over one value of any kind: an element that a later version of the contract added, or a retired one.</summary>
    public void Skip()
    {
        // Containers are walked here and not by the package, whose own bound of depth is far deeper than a stack of tasks should go.
        long values = _reader.NextMessagePackType switch
        {
            MessagePackType.Array => _reader.ReadArrayHeader(),
            MessagePackType.Map => 2L * _reader.ReadMapHeader(),
            _ => -1,
        };
        if (values < 0)
        {
            _reader.Skip();
            return;
        }

        Enter();
        for (long i = 0; i < values; i++)
            Skip();
        _depth--;
    }

    /// <summary>For generated codecs: a field that has no default, in a message too short to hold it.</summary>
    public readonly MalformedMessageException Missing(string message, string field) => Malformed($"{message} has no {field}");

    /// <summary>For generated codecs: a number that its enumeration doesn't have.</summary>
    public readonly MalformedMessageException Undefined(string enumeration, long value) => Malformed($"{value} is no {enumeration}");

    /// <summary>Ends the reading: a byte after the value is malformed.</summary>
    internal readonly void RequireEnd()
    {
        if (_reader.Consumed != _lengthBytes)
            throw Malformed($"{_lengthBytes - _reader.Consumed} bytes follow the message");
    }

    internal readonly MalformedMessageException Malformed(string what) => new($"Malformed message at byte {_reader.Consumed} of {_lengthBytes}: {what}.");

    private void Enter()
    {
        if (++_depth > MaxDepth)
            throw Malformed($"nesting is deeper than {MaxDepth}");
    }

    private readonly void RequireWithin(long length, int limit, string what)
    {
        if (length > limit)
            throw Malformed($"a {what} of {length} is past its field's limit of {limit}");
    }
}
