using System.Buffers.Binary;

namespace Afs.Rpc;

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

    public void UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_target[_position..], value);
        _position += sizeof(ulong);
    }
}
