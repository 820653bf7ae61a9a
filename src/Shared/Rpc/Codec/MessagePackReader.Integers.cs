namespace Afs.Rpc;

public ref partial struct MessagePackReader
{
    public ulong ReadUInt64()
    {
        byte code = TakeByte();
        switch (code)
        {
            case <= MessagePackCode.PositiveFixIntMax: return code;
            case MessagePackCode.UInt8: return TakeByte();
            case MessagePackCode.UInt16: return TakeUInt16();
            case MessagePackCode.UInt32: return TakeUInt32();
            case MessagePackCode.UInt64: return TakeUInt64();
        }

        long value = TakeSigned(code);
        return value >= 0 ? (ulong)value : throw Malformed($"{value} where no negative number belongs");
    }

    public long ReadInt64()
    {
        byte code = TakeByte();
        switch (code)
        {
            case <= MessagePackCode.PositiveFixIntMax: return code;
            case MessagePackCode.UInt8: return TakeByte();
            case MessagePackCode.UInt16: return TakeUInt16();
            case MessagePackCode.UInt32: return TakeUInt32();
            case MessagePackCode.UInt64:
                ulong value = TakeUInt64();
                return value <= long.MaxValue ? (long)value : throw OutOfRange(value);
            default: return TakeSigned(code);
        }
    }

    public byte ReadByte() => (byte)ReadUnsigned(byte.MaxValue);

    public ushort ReadUInt16() => (ushort)ReadUnsigned(ushort.MaxValue);

    public uint ReadUInt32() => (uint)ReadUnsigned(uint.MaxValue);

    public sbyte ReadSByte() => (sbyte)ReadSigned(sbyte.MinValue, sbyte.MaxValue);

    public short ReadInt16() => (short)ReadSigned(short.MinValue, short.MaxValue);

    public int ReadInt32() => (int)ReadSigned(int.MinValue, int.MaxValue);

    private ulong ReadUnsigned(ulong most)
    {
        ulong value = ReadUInt64();
        return value <= most ? value : throw OutOfRange(value);
    }

    private long ReadSigned(long least, long most)
    {
        long value = ReadInt64();
        return value >= least && value <= most ? value : throw OutOfRange(value);
    }

    private long TakeSigned(byte code) => code switch
    {
        >= MessagePackCode.NegativeFixIntMin => (sbyte)code,
        MessagePackCode.Int8 => (sbyte)TakeByte(),
        MessagePackCode.Int16 => (short)TakeUInt16(),
        MessagePackCode.Int32 => (int)TakeUInt32(),
        MessagePackCode.Int64 => (long)TakeUInt64(),
        _ => throw Unexpected(code, "an integer"),
    };

    private readonly MalformedMessageException OutOfRange<T>(T value) => Malformed($"the number {value} is out of its field's range");
}
