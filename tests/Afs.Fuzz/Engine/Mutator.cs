using System.Buffers.Binary;

namespace Afs.Fuzz;

/// <summary>Makes a new input of one or two old ones. What it returns is valid until the next call.</summary>
/// <param name="mostBytes">The longest input.</param>
/// <param name="words">Pieces that the format has, and that chance would not find.</param>
internal sealed class Mutator(Random random, int mostBytes, IReadOnlyList<byte[]> words)
{
    private const int MostDoublings = 6, LongestBlock = 64;

    /// <summary>Numbers at which fields of some width turn over.</summary>
    private static readonly long[] Edges =
    [
        0, 1, -1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, -128, 255, 256, 511, 512, 1023, 1024, 4095, 4096, 32767, 32768, -32768, 65535, 65536,
        int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, 1L << 44, long.MaxValue, long.MinValue, (1L << 53) + 1,
    ];

    private readonly byte[] _bytes = new byte[mostBytes];
    private int _length;

    public ReadOnlySpan<byte> Mutate(ReadOnlySpan<byte> parent, ReadOnlySpan<byte> other)
    {
        Start(parent);
        // Mostly few: what is well-formed mostly stays so.
        for (int changes = 1 << random.Next(random.Next(1, MostDoublings)); changes > 0; changes--)
            Change(other);
        return _bytes.AsSpan(0, _length);
    }

    private void Start(ReadOnlySpan<byte> bytes)
    {
        _length = Math.Min(bytes.Length, mostBytes);
        bytes[.._length].CopyTo(_bytes);
    }

    private void Change(ReadOnlySpan<byte> other)
    {
        switch (random.Next(12))
        {
            case 0 when _length > 0: _bytes[random.Next(_length)] ^= (byte)(1 << random.Next(8)); break;
            case 1 when _length > 0: _bytes[random.Next(_length)] = (byte)random.Next(256); break;
            case 2 when _length > 0: _bytes[random.Next(_length)] += (byte)(random.Next(2) == 0 ? random.Next(1, 17) : -random.Next(1, 17)); break;
            case 3: PutNumber(Edges[random.Next(Edges.Length)]); break;
            case 4: AddToNumber(); break;
            case 5: Delete(); break;
            case 6: Insert(Block(_bytes.AsSpan(0, _length))); break;
            case 7: Insert(Block(other)); break;
            case 8: Overwrite(Block(other)); break;
            case 9: Insert(Same()); break;
            case 10 when words.Count > 0: Insert(words[random.Next(words.Count)]); break;
            case 11 when words.Count > 0: Overwrite(words[random.Next(words.Count)]); break;
            default: Insert([(byte)random.Next(256)]); break;
        }
    }

    private void PutNumber(long value)
    {
        int width = 1 << random.Next(4);
        if (_length < width)
            return;
        Write(_bytes.AsSpan(random.Next(_length - width + 1), width), value, random.Next(2) == 0);
    }

    private void AddToNumber()
    {
        int width = 2 << random.Next(3);
        if (_length < width)
            return;
        bool isBig = random.Next(2) == 0;
        Span<byte> field = _bytes.AsSpan(random.Next(_length - width + 1), width);
        Span<byte> wide = stackalloc byte[sizeof(long)];
        wide.Clear();
        field.CopyTo(isBig ? wide[(sizeof(long) - width)..] : wide);
        long value = isBig ? BinaryPrimitives.ReadInt64BigEndian(wide) : BinaryPrimitives.ReadInt64LittleEndian(wide);
        Write(field, value + random.Next(-35, 36), isBig);
    }

    private static void Write(Span<byte> field, long value, bool isBig)
    {
        Span<byte> wide = stackalloc byte[sizeof(long)];
        if (isBig)
        {
            BinaryPrimitives.WriteInt64BigEndian(wide, value);
            wide[(sizeof(long) - field.Length)..].CopyTo(field);
            return;
        }
        BinaryPrimitives.WriteInt64LittleEndian(wide, value);
        wide[..field.Length].CopyTo(field);
    }

    private void Delete()
    {
        if (_length == 0)
            return;
        int count = Math.Min(_length, LengthOfBlock());
        int at = random.Next(_length - count + 1);
        _bytes.AsSpan(at + count, _length - at - count).CopyTo(_bytes.AsSpan(at));
        _length -= count;
    }

    private void Insert(ReadOnlySpan<byte> block)
    {
        Span<byte> copy = stackalloc byte[LongestBlock * 4];
        block = block[..Math.Min(Math.Min(block.Length, copy.Length), mostBytes - _length)];
        block.CopyTo(copy);
        int at = random.Next(_length + 1);
        _bytes.AsSpan(at, _length - at).CopyTo(_bytes.AsSpan(at + block.Length));
        copy[..block.Length].CopyTo(_bytes.AsSpan(at));
        _length += block.Length;
    }

    private void Overwrite(ReadOnlySpan<byte> block)
    {
        int at = random.Next(_length + 1);
        block = block[..Math.Min(block.Length, _length - at)];
        block.CopyTo(_bytes.AsSpan(at));
    }

    private ReadOnlySpan<byte> Block(ReadOnlySpan<byte> from)
    {
        int count = Math.Min(from.Length, LengthOfBlock());
        return from.Slice(random.Next(from.Length - count + 1), count);
    }

    private byte[] Same()
    {
        byte[] same = new byte[LengthOfBlock()];
        Array.Fill(same, (byte)random.Next(256));
        return same;
    }

    /// <summary>Short ones more often.</summary>
    private int LengthOfBlock() => 1 + random.Next(1 << random.Next(1, 7)) % LongestBlock;
}
