using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Afs.Venus.Cache;

/// <summary>
/// A block, with zeros behind it, is dealt out to eight strands, 64 bytes to each in turn; the ninth strand is the sum (XOR) of the eight. Each strand has a
/// key k of its own, and the sum over its pairs of words (a, b) of (a + k^i)(b + k^(i+1)) in the field of 2^64 elements, i = 1, 3, 5 and so on; the first two
/// also have the block's length as a last pair. The hash is two sums of the nine: as they are, and multiplied by 1, x, x^2 ... x^8.
///
/// Two blocks that differ do so in at least two strands, since one alone changes the ninth too. In each of these the difference of the sums is a polynomial
/// in its key that isn't constant: the products of keys cancel, the differences of the words are its coefficients, its degree is 1024 at most. Any two strands
/// follow from the two sums, given the rest; so both sums agree with a chance of at most (1024 / 2^64)^2 = 2^-108. Blocks of two lengths differ in the first two
/// strands, by polynomials of a degree up to 2047: below 2^-106.
/// One multiplication does for two words because of Winograd's inner product; see Black et al., "UMAC: Fast and Secure Message Authentication", 1999. That a code
/// of distance two saves every second multiplication: Nandi, "On the Minimum Number of Multiplications Necessary for Universal Hash Functions", 2014.
/// </summary>
internal sealed class PolynomialHasher(PolynomialKey key) : IBlockHasher
{
    private const int Strands = PolynomialKey.Strands, GroupBytes = PolynomialKey.GroupBytes;

    /// <summary>The processor has what it needs.</summary>
    public static bool IsSupported => Pclmulqdq.IsSupported && BitConverter.IsLittleEndian;

    public UInt128 Hash(ReadOnlySpan<byte> block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(block.Length, PolynomialKey.MostBytes);
        Span<Vector128<ulong>> sums = stackalloc Vector128<ulong>[Strands];
        sums.Clear();
        int whole = block.Length / GroupBytes * GroupBytes;
        Add(block[..whole], 0, sums);
        if (whole < block.Length)
        {
            Span<byte> last = stackalloc byte[GroupBytes];
            last.Clear();
            block[whole..].CopyTo(last);
            Add(last, whole / GroupBytes, sums);
        }
        AddLength(block.Length, sums);
        return Join(sums);
    }

    public void Dispose()
    {
    }

    /// <param name="firstGroup">Where in the block these bytes begin.</param>
    private void Add(ReadOnlySpan<byte> groups, int firstGroup, Span<Vector128<ulong>> sums)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(groups);
        ReadOnlySpan<ulong> powers = key.Powers.Slice(firstGroup * PolynomialKey.GroupPowers, groups.Length / GroupBytes * PolynomialKey.GroupPowers);
        if (Pclmulqdq.V512.IsSupported)
            StrandSums.AddWide(words, powers, sums);
        else
            StrandSums.AddNarrow(words, powers, sums);
    }

    private void AddLength(int lengthBytes, Span<Vector128<ulong>> sums)
    {
        ReadOnlySpan<ulong> powers = key.Powers[(PolynomialKey.LengthGroup * PolynomialKey.GroupPowers)..];
        for (int strand = 0; strand < 2; strand++)
        {
            Vector128<ulong> pair = Vector128.CreateScalar((ulong)lengthBytes) ^ Vector128.Create(powers.Slice(strand * PolynomialKey.PieceWords, 2));
            sums[strand] ^= Pclmulqdq.CarrylessMultiply(pair, pair, 1);
        }
    }

    private static UInt128 Join(ReadOnlySpan<Vector128<ulong>> sums)
    {
        ulong plain = 0;
        UInt128 multiplied = 0;
        for (int strand = Strands - 1; strand >= 0; strand--)
        {
            ulong sum = PolynomialKey.Reduce(sums[strand]);
            plain ^= sum;
            multiplied = multiplied << 1 ^ sum;
        }
        return new UInt128(plain, PolynomialKey.Reduce(Vector128.Create((ulong)multiplied, (ulong)(multiplied >> 64))));
    }
}
