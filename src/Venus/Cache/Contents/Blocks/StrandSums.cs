using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Afs.Venus.Cache;

/// <summary>
/// The inner loops of <see cref="PolynomialHasher"/>: adds groups of a block to the sums of its strands, not yet reduced to the field. Compiled at their best from the
/// first call: a file can be large before they would be found hot.
/// </summary>
internal static class StrandSums
{
    private const int PieceWords = PolynomialKey.PieceWords, PairWords = 2, DataStrands = PolynomialKey.Strands - 1;

    /// <summary>Four pairs at a time (AVX-512).</summary>
    public static void AddWide(ReadOnlySpan<ulong> words, ReadOnlySpan<ulong> powers, Span<Vector128<ulong>> sums)
    {
        Span<Vector512<ulong>> wide = stackalloc Vector512<ulong>[PolynomialKey.Strands];
        SumWide(words, powers, wide);
        for (int strand = 0; strand < wide.Length; strand++)
            sums[strand] ^= Fold(wide[strand]);
    }

    /// <summary>
    /// Per 64 bytes two loads and 1.1 multiplications. It calls nothing, so that the sums stay in registers: .NET saves none of them over a call, and would
    /// store and load all nine for each group.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumWide(ReadOnlySpan<ulong> words, ReadOnlySpan<ulong> powers, Span<Vector512<ulong>> sums)
    {
        ref ulong data = ref MemoryMarshal.GetReference(words), keys = ref MemoryMarshal.GetReference(powers);
        Vector512<ulong> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default, s8 = default;
        nuint groups = (nuint)(words.Length / (DataStrands * PieceWords));
        for (nuint group = 0; group < groups; group++)
        {
            nuint at = group * (DataStrands * PieceWords), power = group * PolynomialKey.GroupPowers;
            Vector512<ulong> sum = Vector512.LoadUnsafe(ref data, at);
            s0 ^= Product(sum, ref keys, power);
            s1 ^= Product(Next(ref data, at + PieceWords, ref sum), ref keys, power + PieceWords);
            s2 ^= Product(Next(ref data, at + 2 * PieceWords, ref sum), ref keys, power + 2 * PieceWords);
            s3 ^= Product(Next(ref data, at + 3 * PieceWords, ref sum), ref keys, power + 3 * PieceWords);
            s4 ^= Product(Next(ref data, at + 4 * PieceWords, ref sum), ref keys, power + 4 * PieceWords);
            s5 ^= Product(Next(ref data, at + 5 * PieceWords, ref sum), ref keys, power + 5 * PieceWords);
            s6 ^= Product(Next(ref data, at + 6 * PieceWords, ref sum), ref keys, power + 6 * PieceWords);
            s7 ^= Product(Next(ref data, at + 7 * PieceWords, ref sum), ref keys, power + 7 * PieceWords);
            s8 ^= Product(sum, ref keys, power + 8 * PieceWords);
        }
        ref Vector512<ulong> sum0 = ref MemoryMarshal.GetReference(sums);
        sum0 = s0;
        Unsafe.Add(ref sum0, 1) = s1;
        Unsafe.Add(ref sum0, 2) = s2;
        Unsafe.Add(ref sum0, 3) = s3;
        Unsafe.Add(ref sum0, 4) = s4;
        Unsafe.Add(ref sum0, 5) = s5;
        Unsafe.Add(ref sum0, 6) = s6;
        Unsafe.Add(ref sum0, 7) = s7;
        Unsafe.Add(ref sum0, 8) = s8;
    }

    /// <summary>One pair at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddNarrow(ReadOnlySpan<ulong> words, ReadOnlySpan<ulong> powers, Span<Vector128<ulong>> sums)
    {
        for (; !words.IsEmpty; words = words[(DataStrands * PieceWords)..], powers = powers[PolynomialKey.GroupPowers..])
        {
            for (int word = 0; word < PieceWords; word += PairWords)
            {
                Vector128<ulong> sum = default;
                for (int strand = 0; strand < DataStrands; strand++)
                {
                    var pair = Vector128.Create(words.Slice(strand * PieceWords + word, PairWords));
                    sum ^= pair;
                    sums[strand] ^= Product(pair, powers[(strand * PieceWords + word)..]);
                }
                sums[DataStrands] ^= Product(sum, powers[(DataStrands * PieceWords + word)..]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Next(ref ulong data, nuint at, ref Vector512<ulong> sum)
    {
        Vector512<ulong> pairs = Vector512.LoadUnsafe(ref data, at);
        sum ^= pairs;
        return pairs;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Product(Vector512<ulong> pairs, ref ulong keys, nuint power)
    {
        Vector512<ulong> keyed = pairs ^ Vector512.LoadUnsafe(ref keys, power);
        return Pclmulqdq.V512.CarrylessMultiply(keyed, keyed, 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Product(Vector128<ulong> pair, ReadOnlySpan<ulong> powers)
    {
        Vector128<ulong> keyed = pair ^ Vector128.Create(powers[..PairWords]);
        return Pclmulqdq.CarrylessMultiply(keyed, keyed, 1);
    }

    private static Vector128<ulong> Fold(Vector512<ulong> sum)
    {
        Vector256<ulong> half = sum.GetLower() ^ sum.GetUpper();
        return half.GetLower() ^ half.GetUpper();
    }
}
