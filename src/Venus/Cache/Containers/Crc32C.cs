using System.Buffers.Binary;
using System.Numerics;

namespace Afs.Venus.Cache;

/// <summary>CRC32C (Castagnoli; RFC 3720, appendix B.4) of bytes that come in pieces, by the processor's instruction where it has one.</summary>
internal struct Crc32C()
{
    private uint _state = uint.MaxValue;

    public readonly uint Value => ~_state;

    public static uint Of(ReadOnlySpan<byte> data)
    {
        var crc = new Crc32C();
        crc.Append(data);
        return crc.Value;
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        uint state = _state;
        while (data.Length >= sizeof(ulong))
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[sizeof(ulong)..];
        }
        foreach (byte b in data)
            state = BitOperations.Crc32C(state, b);
        _state = state;
    }
}
