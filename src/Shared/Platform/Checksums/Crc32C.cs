using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Afs.Platform;

/// <summary>CRC32C (Castagnoli, RFC 3720 appendix B.4), as it protects every file's content from the writer's disk to the reader's.</summary>
public struct Crc32C
{
    /// <summary>What one of three runs through at a time. A power of two, which is shifted over by one multiplication.</summary>
    private const int LaneBytes = 4096;

    // Kept inverted, so that the default value is the checksum of nothing.
    private uint _inverted;

    /// <summary>Of all that was added. Of nothing: zero.</summary>
    public readonly uint Value => _inverted;

    public static uint Of(ReadOnlySpan<byte> data)
    {
        var crc = new Crc32C();
        crc.Add(data);
        return crc.Value;
    }

    /// <summary>Of a content with this checksum, to go on behind it.</summary>
    public static Crc32C From(uint value) => new() { _inverted = value };

    /// <summary>
    /// The checksum of a content in which some bytes were replaced by as many others. Of the two pieces only their checksums count, and how many
    /// bytes come behind them: the checksum is linear.
    /// </summary>
    public static uint Replace(uint whole, uint before, uint after, long behindBytes) => whole ^ Crc32CShift.Over(before ^ after, behindBytes);

    /// <summary>Of a content that is two pieces, one behind the other. Nothing of either is read.</summary>
    public static uint Join(uint first, uint second, long secondBytes) => Crc32CShift.Over(first, secondBytes) ^ second;

    /// <summary>Of zeros, however many, in microseconds.</summary>
    public static uint OfZeros(long count)
    {
        var zeros = new Crc32C();
        zeros.AddZeros(count);
        return zeros.Value;
    }

    /// <summary>Adds zeros, however many, in microseconds.</summary>
    public void AddZeros(long count) => _inverted = ~Crc32CShift.Over(~_inverted, count);

    /// <summary>Adds the next bytes.</summary>
    public void Add(ReadOnlySpan<byte> data)
    {
        while (data.Length >= 3 * LaneBytes)
        {
            _inverted = ~AddLanes(~_inverted, MemoryMarshal.Cast<byte, ulong>(data[..(3 * LaneBytes)]));
            data = data[(3 * LaneBytes)..];
        }
        uint crc = ~_inverted;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(data);
        foreach (ulong word in words)
            crc = BitOperations.Crc32C(crc, word);
        foreach (byte rest in data[(words.Length * sizeof(ulong))..])
            crc = BitOperations.Crc32C(crc, rest);
        _inverted = ~crc;
    }

    /// <summary>
    /// Three neighbouring pieces at once: one instruction takes three cycles, and a processor can begin one in each (Gopal et al., "Fast CRC
    /// Computation for iSCSI Polynomial Using CRC32 Instruction", 2011).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // From the first call: a file can be large before it would be found hot.
    private static uint AddLanes(uint crc, ReadOnlySpan<ulong> words)
    {
        const int count = LaneBytes / sizeof(ulong);
        ReadOnlySpan<ulong> first = words[..count], second = words.Slice(count, count), third = words.Slice(2 * count, count);
        uint a = crc, b = 0, c = 0;
        for (int i = 0; i < count; i++)
        {
            a = BitOperations.Crc32C(a, first[i]);
            b = BitOperations.Crc32C(b, second[i]);
            c = BitOperations.Crc32C(c, third[i]);
        }
        return Crc32CShift.Over(Crc32CShift.Over(a, LaneBytes) ^ b, LaneBytes) ^ c;
    }
}

/// <summary>
/// What zeros behind it make of the register of a CRC32C: it is multiplied by x to the power of their bits, modulo the polynomial.
/// Registers are bit-reflected, as in zlib's crc32_combine, whose method this is (Mark Adler).
/// </summary>
internal static class Crc32CShift
{
    private const uint Polynomial = 0x82F63B78;
    private const uint One = 1u << 31;
    private const uint XToThe8 = One >> 8;

    /// <summary>x^8 to the power of 2^i.</summary>
    private static readonly uint[] Powers = MakePowers();

    public static uint Over(uint register, long zeroBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(zeroBytes);
        for (int i = 0; zeroBytes != 0; i++, zeroBytes >>= 1)
        {
            if ((zeroBytes & 1) != 0)
                register = Multiply(Powers[i], register);
        }
        return register;
    }

    /// <summary>Without branches, which nobody could predict.</summary>
    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (; a != 0; a <<= 1)
        {
            product ^= b & (uint)((int)a >> 31);
            b = b >> 1 ^ Polynomial & 0 - (b & 1);
        }
        return product;
    }

    private static uint[] MakePowers()
    {
        uint[] powers = new uint[63];
        powers[0] = XToThe8;
        for (int i = 1; i < powers.Length; i++)
            powers[i] = Multiply(powers[i - 1], powers[i - 1]);
        return powers;
    }
}

/// <summary>
/// The CRC32C of a content that is made from a shorter or equally long base, zeros behind it, and parts that replace some of both. Only the parts
/// are read. Not safe for concurrent use.
/// </summary>
public sealed class PartsChecksum
{
    private readonly long _lengthBytes;

    public PartsChecksum(uint baseCrc32C, long baseLengthBytes, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(baseLengthBytes, lengthBytes);
        _lengthBytes = lengthBytes;
        var crc = Crc32C.From(baseCrc32C);
        crc.AddZeros(lengthBytes - baseLengthBytes);
        Value = crc.Value;
    }

    /// <summary>With all parts so far.</summary>
    public uint Value { get; private set; }

    /// <summary>Bytes at an offset, no byte twice.</summary>
    /// <param name="before">The checksum of what was there: of the base, or of as many zeros.</param>
    /// <param name="after">The checksum of what is there.</param>
    public void Replace(long offset, long countBytes, uint before, uint after) =>
        Value = Crc32C.Replace(Value, before, after, _lengthBytes - offset - countBytes);
}
