using System.Buffers.Binary;

namespace Afs.Fuzz;

/// <summary>Takes values from an input from its front; behind its end all is zero.</summary>
internal ref struct InputFields(ReadOnlySpan<byte> input)
{
    private ReadOnlySpan<byte> _rest = input;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public byte Byte()
    {
        ReadOnlySpan<byte> one = Take(1);
        return one.IsEmpty ? (byte)0 : one[0];
    }

    public ushort UInt16() => (ushort)UInt64(sizeof(ushort));

    public uint UInt32() => (uint)UInt64(sizeof(uint));

    public ulong UInt64() => UInt64(sizeof(ulong));

    public long Int64() => (long)UInt64();

    /// <summary>So many bytes, or fewer.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        ReadOnlySpan<byte> taken = _rest[..Math.Min(count, _rest.Length)];
        _rest = _rest[taken.Length..];
        return taken;
    }

    private ulong UInt64(int bytes)
    {
        Span<byte> wide = stackalloc byte[sizeof(ulong)];
        wide.Clear();
        Take(bytes).CopyTo(wide);
        return BinaryPrimitives.ReadUInt64LittleEndian(wide);
    }
}
