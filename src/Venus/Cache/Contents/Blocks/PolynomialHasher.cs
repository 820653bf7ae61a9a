using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Afs.Venus.Cache;

/// <summary>
/// Two sums over a block's pairs of words (a, b): of (a + k^i)(b + k^(i+1)) in the field of 2^64 elements, each sum with a key k of its own, and the block's
/// length as the last pair. Where two blocks of one length are compared the products of keys cancel, and the difference of their sums is a polynomial
/// in k that has the differences of their words as coefficients: not zero, and of degree 8194 at most, so that no more than 8194 of 2^64 keys are its
/// roots. Both sums agree with a chance below (8194 / 2^64)^2 &lt; 2^-101; for blocks of two lengths the degree is 16383 at most, the chance below 2^-100.
/// One multiplication does for two words because of Winograd's inner product; see Black et al., "UMAC: Fast and Secure Message Authentication", 1999, and
/// Lemire and Kaser, "Faster 64-bit universal hashing using carry-less multiplications", 2015.
/// </summary>
internal sealed class PolynomialHasher(PolynomialKey key) : IBlockHasher
{
    private const int PairBytes = 16, WideBytes = 64, WideWords = WideBytes / sizeof(ulong);

    /// <summary>The processor has what it needs.</summary>
    public static bool IsSupported => Pclmulqdq.IsSupported && BitConverter.IsLittleEndian;

    public UInt128 Hash(ReadOnlySpan<byte> block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(block.Length, PolynomialKey.MostBytes);
        var sums = new Sums();
        int done = Pclmulqdq.V512.IsSupported ? AddWide(block, ref sums) : 0;
        for (; block.Length - done >= PairBytes; done += PairBytes)
            AddPair(MemoryMarshal.Read<Vector128<ulong>>(block[done..]), done / sizeof(ulong), ref sums);
        if (done < block.Length)
        {
            Span<byte> last = stackalloc byte[PairBytes];
            last.Clear();
            block[done..].CopyTo(last);
            AddPair(MemoryMarshal.Read<Vector128<ulong>>(last), done / sizeof(ulong), ref sums);
        }
        AddPair(Vector128.CreateScalar((ulong)block.Length), PolynomialKey.Words - 2, ref sums);
        return new UInt128(PolynomialKey.Reduce(sums.First), PolynomialKey.Reduce(sums.Second));
    }

    public void Dispose()
    {
    }

    /// <summary>Four pairs at a time; how far it came. Compiled at its best from the first call: a file can be large before it would be found hot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int AddWide(ReadOnlySpan<byte> block, ref Sums sums)
    {
        ref ulong words = ref Unsafe.As<byte, ulong>(ref MemoryMarshal.GetReference(block));
        ref ulong firstKeys = ref MemoryMarshal.GetReference(key.First), secondKeys = ref MemoryMarshal.GetReference(key.Second);
        Vector512<ulong> first = default, second = default;
        nuint count = (nuint)(block.Length / WideBytes * WideWords);
        for (nuint at = 0; at < count; at += WideWords)
        {
            Vector512<ulong> pairs = Vector512.LoadUnsafe(ref words, at);
            Vector512<ulong> a = pairs ^ Vector512.LoadUnsafe(ref firstKeys, at), b = pairs ^ Vector512.LoadUnsafe(ref secondKeys, at);
            first ^= Pclmulqdq.V512.CarrylessMultiply(a, a, 1);
            second ^= Pclmulqdq.V512.CarrylessMultiply(b, b, 1);
        }
        sums.First ^= Fold(first);
        sums.Second ^= Fold(second);
        return (int)count * sizeof(ulong);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddPair(Vector128<ulong> pair, int word, ref Sums sums)
    {
        Vector128<ulong> a = pair ^ Vector128.Create(key.First.Slice(word, 2)), b = pair ^ Vector128.Create(key.Second.Slice(word, 2));
        sums.First ^= Pclmulqdq.CarrylessMultiply(a, a, 1);
        sums.Second ^= Pclmulqdq.CarrylessMultiply(b, b, 1);
    }

    private static Vector128<ulong> Fold(Vector512<ulong> sum)
    {
        Vector256<ulong> half = sum.GetLower() ^ sum.GetUpper();
        return half.GetLower() ^ half.GetUpper();
    }

    /// <summary>Not yet reduced to the field.</summary>
    private struct Sums
    {
        public Vector128<ulong> First, Second;
    }
}
