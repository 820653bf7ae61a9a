using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace Afs.Rpc;

/// <summary>
/// Writes MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) into a growing buffer, each value in its shortest form.
/// What was written is the caller's after <see cref="Flush"/>.
/// </summary>
public ref partial struct MessagePackWriter(IBufferWriter<byte> output)
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly IBufferWriter<byte> _output = output;
    private Span<byte> _free = default;
    private int _used = 0;

    /// <summary>Hands what was written to the buffer writer. Nothing may be lost by forgetting it: the generated codecs' callers do it once.</summary>
    public void Flush()
    {
        if (_used > 0)
        {
            _output.Advance(_used);
            _free = default;
            _used = 0;
        }
    }

    public void WriteNil() => WriteByte(MessagePackCode.Nil);

    public void Write(bool value) => WriteByte(value ? MessagePackCode.True : MessagePackCode.False);

    public void Write(ulong value)
    {
        if (value <= MessagePackCode.PositiveFixIntMax)
            WriteByte((byte)value);
        else if (value <= byte.MaxValue)
            WriteCode8(MessagePackCode.UInt8, (byte)value);
        else if (value <= ushort.MaxValue)
            WriteCode16(MessagePackCode.UInt16, (ushort)value);
        else if (value <= uint.MaxValue)
            WriteCode32(MessagePackCode.UInt32, (uint)value);
        else
            WriteCode64(MessagePackCode.UInt64, value);
    }

    public void Write(long value)
    {
        if (value >= 0)
            Write((ulong)value);
        else if (value >= -32)
            WriteByte((byte)value);
        else if (value >= sbyte.MinValue)
            WriteCode8(MessagePackCode.Int8, (byte)value);
        else if (value >= short.MinValue)
            WriteCode16(MessagePackCode.Int16, (ushort)value);
        else if (value >= int.MinValue)
            WriteCode32(MessagePackCode.Int32, (uint)value);
        else
            WriteCode64(MessagePackCode.Int64, (ulong)value);
    }

    public void Write(uint value) => Write((ulong)value);

    public void Write(int value) => Write((long)value);

    /// <summary>Starts an array of <paramref name="count"/> elements, which the caller writes next.</summary>
    public void WriteArrayHeader(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count <= 15)
            WriteByte((byte)(MessagePackCode.FixArray | count));
        else if (count <= ushort.MaxValue)
            WriteCode16(MessagePackCode.Array16, (ushort)count);
        else
            WriteCode32(MessagePackCode.Array32, (uint)count);
    }

    /// <exception cref="InvalidOperationException">The string is longer than its field's limit: the receiver would end the connection over it.</exception>
    public void Write(string value, int limitBytes)
    {
        int length = StrictUtf8.GetByteCount(value);
        RequireWithin(length, limitBytes, "string");
        if (length <= 31)
            WriteByte((byte)(MessagePackCode.FixString | length));
        else if (length <= byte.MaxValue)
            WriteCode8(MessagePackCode.String8, (byte)length);
        else if (length <= ushort.MaxValue)
            WriteCode16(MessagePackCode.String16, (ushort)length);
        else
            WriteCode32(MessagePackCode.String32, (uint)length);
        Reserve(length);
        _used += StrictUtf8.GetBytes(value, _free[_used..]);
    }

    /// <inheritdoc cref="Write(string, int)"/>
    public void Write(ReadOnlySpan<byte> value, int limitBytes)
    {
        RequireWithin(value.Length, limitBytes, "byte array");
        if (value.Length <= byte.MaxValue)
            WriteCode8(MessagePackCode.Bin8, (byte)value.Length);
        else if (value.Length <= ushort.MaxValue)
            WriteCode16(MessagePackCode.Bin16, (ushort)value.Length);
        else
            WriteCode32(MessagePackCode.Bin32, (uint)value.Length);
        Reserve(value.Length);
        value.CopyTo(_free[_used..]);
        _used += value.Length;
    }

    /// <summary>Starts a list field, checked against its limit.</summary>
    public void WriteListHeader(int count, int limit)
    {
        RequireWithin(count, limit, "list");
        WriteArrayHeader(count);
    }

    private static void RequireWithin(int length, int limit, string what)
    {
        if (length > limit)
            throw new InvalidOperationException($"A {what} of {length} is past its field's limit of {limit}.");
    }

    private void WriteByte(byte value)
    {
        Reserve(1);
        _free[_used++] = value;
    }

    private void WriteCode8(byte code, byte value)
    {
        Reserve(2);
        _free[_used] = code;
        _free[_used + 1] = value;
        _used += 2;
    }

    private void WriteCode16(byte code, ushort value)
    {
        Reserve(3);
        _free[_used] = code;
        BinaryPrimitives.WriteUInt16BigEndian(_free[(_used + 1)..], value);
        _used += 3;
    }

    private void WriteCode32(byte code, uint value)
    {
        Reserve(5);
        _free[_used] = code;
        BinaryPrimitives.WriteUInt32BigEndian(_free[(_used + 1)..], value);
        _used += 5;
    }

    private void WriteCode64(byte code, ulong value)
    {
        Reserve(9);
        _free[_used] = code;
        BinaryPrimitives.WriteUInt64BigEndian(_free[(_used + 1)..], value);
        _used += 9;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Reserve(int lengthBytes)
    {
        if (_free.Length - _used < lengthBytes)
            Grow(lengthBytes);
    }

    private void Grow(int lengthBytes)
    {
        Flush();
        _free = _output.GetSpan(Math.Max(lengthBytes, 64));
    }
}
