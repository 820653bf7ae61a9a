using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// The powers of nine secret elements of the field of 2^64 elements, GF(2)[x] modulo x^64 + x^4 + x^3 + x + 1: one element for each strand of a block. Immutable.
/// </summary>
internal sealed class PolynomialKey
{
    public const int MostBytes = Limits.BlockBytes;

    /// <summary>Eight of a block's bytes, and one of their sums.</summary>
    public const int Strands = 9;

    /// <summary>Words that a strand has of a group.</summary>
    public const int PieceWords = 8;

    /// <summary>One piece of each of the eight strands.</summary>
    public const int GroupBytes = (Strands - 1) * PieceWords * sizeof(ulong);

    /// <summary>Powers for a group, and for the piece of its sums.</summary>
    public const int GroupPowers = Strands * PieceWords;

    /// <summary>Behind those of the longest block: the powers for the pair of its length.</summary>
    public const int LengthGroup = MostBytes / GroupBytes;

    public const int SecretBytes = Strands * sizeof(ulong);

    private const ulong Modulus = 0x1B;

    private readonly ulong[] _powers = new ulong[(LengthGroup + 1) * GroupPowers];

    /// <param name="secret"><see cref="SecretBytes"/> random bytes.</param>
    public PolynomialKey(ReadOnlySpan<byte> secret)
    {
        for (int strand = 0; strand < Strands; strand++)
            Fill(strand, BinaryPrimitives.ReadUInt64LittleEndian(secret[(strand * sizeof(ulong))..]));
    }

    /// <summary>Group by group, in it strand by strand, in it rising: of group g and word w the power 8g + w + 1.</summary>
    public ReadOnlySpan<ulong> Powers => _powers;

    /// <summary>A product of two elements, or a sum of such, as an element.</summary>
    public static ulong Reduce(Vector128<ulong> product)
    {
        var modulus = Vector128.CreateScalar(Modulus);
        Vector128<ulong> once = Pclmulqdq.CarrylessMultiply(product, modulus, 0x01);
        Vector128<ulong> twice = Pclmulqdq.CarrylessMultiply(once, modulus, 0x01);
        return product[0] ^ once[0] ^ twice[0];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Fill(int strand, ulong element)
    {
        ulong power = 1;
        for (int group = 0; group <= LengthGroup; group++)
        {
            Span<ulong> powers = _powers.AsSpan(group * GroupPowers + strand * PieceWords, PieceWords);
            for (int word = 0; word < PieceWords; word++)
                powers[word] = power = Reduce(Pclmulqdq.CarrylessMultiply(Vector128.CreateScalar(power), Vector128.CreateScalar(element), 0));
        }
    }
}
