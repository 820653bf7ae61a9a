namespace Afs.Rpc;

public ref partial struct MessagePackReader
{
    /// <summary>Reads over one value of any kind: an element that a later version of the contract added, or a retired one.</summary>
    public void Skip()
    {
        byte code = TakeByte();
        switch (code)
        {
            case <= MessagePackCode.PositiveFixIntMax or >= MessagePackCode.NegativeFixIntMin: return;
            case MessagePackCode.Nil or MessagePackCode.False or MessagePackCode.True: return;
            case >= MessagePackCode.FixString and < MessagePackCode.Nil: Take(code & 0x1fu); return;
            case MessagePackCode.UInt8 or MessagePackCode.Int8: Take(1); return;
            case MessagePackCode.UInt16 or MessagePackCode.Int16: Take(2); return;
            case MessagePackCode.UInt32 or MessagePackCode.Int32 or MessagePackCode.Float32: Take(4); return;
            case MessagePackCode.UInt64 or MessagePackCode.Int64 or MessagePackCode.Float64: Take(8); return;
            case MessagePackCode.Bin8 or MessagePackCode.String8: Take(TakeByte()); return;
            case MessagePackCode.Bin16 or MessagePackCode.String16: Take(TakeUInt16()); return;
            case MessagePackCode.Bin32 or MessagePackCode.String32: Take(TakeUInt32()); return;
            case MessagePackCode.Ext8: SkipExtension(TakeByte()); return;
            case MessagePackCode.Ext16: SkipExtension(TakeUInt16()); return;
            case MessagePackCode.Ext32: SkipExtension(TakeUInt32()); return;
            case >= MessagePackCode.FixExt1 and <= MessagePackCode.FixExt16: SkipExtension(1u << (code - MessagePackCode.FixExt1)); return;
            default: SkipContainer(code); return;
        }
    }

    private void SkipExtension(uint lengthBytes)
    {
        Take(1);
        Take(lengthBytes);
    }

    private void SkipContainer(byte code)
    {
        ulong count = code switch
        {
            >= MessagePackCode.FixMap and < MessagePackCode.FixArray => 2u * (code & 0x0fu),
            >= MessagePackCode.FixArray and < MessagePackCode.FixString => code & 0x0fu,
            MessagePackCode.Array16 => TakeUInt16(),
            MessagePackCode.Array32 => TakeUInt32(),
            MessagePackCode.Map16 => 2ul * TakeUInt16(),
            MessagePackCode.Map32 => 2ul * TakeUInt32(),
            _ => throw Unexpected(code, "a value"),
        };
        if (count > (ulong)RemainingBytes)
            throw Malformed($"{count} elements in {RemainingBytes} bytes");
        Enter();
        for (ulong i = 0; i < count; i++)
            Skip();
        _depth--;
    }

    /// <summary>For generated codecs: a field that has no default, in a message too short to hold it.</summary>
    public readonly MalformedMessageException Missing(string message, string field) => Malformed($"{message} has no {field}");

    /// <summary>For generated codecs: a number that its enumeration doesn't have.</summary>
    public readonly MalformedMessageException Undefined(string enumeration, long value) => Malformed($"{value} is no {enumeration}");
}
