using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>The powers of two secret elements of the field of 2^64 elements, GF(2)[x] modulo x^64 + x^4 + x^3 + x + 1. Immutable.</summary>
internal sealed class PolynomialKey
{
    public const int MostBytes = Limits.BlockBytes;

    /// <summary>Powers of each: one for each word of a block, and two for the pair of its length.</summary>
    public const int Words = MostBytes / sizeof(ulong) + 2;

    /// <summary>Two elements.</summary>
    public const int SecretBytes = 2 * sizeof(ulong);

    private const ulong Modulus = 0x1B;

    private readonly ulong[] _first, _second;

    /// <param name="secret"><see cref="SecretBytes"/> random bytes.</param>
    public PolynomialKey(ReadOnlySpan<byte> secret)
    {
        _first = Powers(BinaryPrimitives.ReadUInt64LittleEndian(secret));
        _second = Powers(BinaryPrimitives.ReadUInt64LittleEndian(secret[sizeof(ulong)..]));
    }

    public ReadOnlySpan<ulong> First => _first;

    public ReadOnlySpan<ulong> Second => _second;

    /// <summary>A product of two elements, or a sum of such, as an element.</summary>
    public static ulong Reduce(Vector128<ulong> product)
    {
        var modulus = Vector128.CreateScalar(Modulus);
        Vector128<ulong> once = Pclmulqdq.CarrylessMultiply(product, modulus, 0x01);
        Vector128<ulong> twice = Pclmulqdq.CarrylessMultiply(once, modulus, 0x01);
        return product[0] ^ once[0] ^ twice[0];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong[] Powers(ulong element)
    {
        ulong[] powers = new ulong[Words];
        powers[0] = element;
        for (int i = 1; i < powers.Length; i++)
            powers[i] = Reduce(Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(powers[i - 1]), Vector128.CreateScalar(element), 0));
        return powers;
    }
}
