using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Hashes that tell blocks apart.</summary>
public class BlockHashTests
{
    private static readonly BigInteger Modulus = (BigInteger.One << 64) + 0x1B;

    public static TheoryData<int> Lengths => [0, 1, 15, 16, 17, 63, 64, 65, 448, 511, 512, 513, 1024, 4096, 65_535, Limits.BlockBytes];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void The_hash_is_that_of_the_formula(int lengthBytes)
    {
        Assert.SkipUnless(PolynomialHasher.IsSupported, "The processor can't multiply polynomials.");
        byte[] secret = Bytes(PolynomialKey.SecretBytes, 1), block = Bytes(lengthBytes, 2);
        using var hasher = new PolynomialHasher(new PolynomialKey(secret));
        Assert.Equal(HashOf(block, secret), hasher.Hash(block));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(127)]
    public void Both_instructions_give_the_same_sums(int groups)
    {
        Assert.SkipUnless(Pclmulqdq.V512.IsSupported, "The processor can't multiply four pairs at a time.");
        ReadOnlySpan<ulong> powers = new PolynomialKey(Bytes(PolynomialKey.SecretBytes, 1)).Powers;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(Bytes(groups * PolynomialKey.GroupBytes, 2));
        Vector128<ulong>[] wide = new Vector128<ulong>[PolynomialKey.Strands], narrow = new Vector128<ulong>[PolynomialKey.Strands];
        StrandSums.AddWide(words, powers, wide);
        StrandSums.AddNarrow(words, powers, narrow);
        Assert.Equal(narrow, wide);
    }

    [Fact]
    public void A_difference_of_one_strand_alone_changes_both_sums()
    {
        Assert.SkipUnless(PolynomialHasher.IsSupported, "The processor can't multiply polynomials.");
        using var hasher = new PolynomialHasher(new PolynomialKey(Bytes(PolynomialKey.SecretBytes, 1)));
        byte[] block = Bytes(Limits.BlockBytes, 3);
        UInt128 before = hasher.Hash(block);
        for (int strand = 0; strand < 8; strand++)
        {
            block[strand * 64 + 5] ^= 1;
            UInt128 difference = before ^ hasher.Hash(block);
            block[strand * 64 + 5] ^= 1;
            Assert.NotEqual(0UL, (ulong)difference);
            Assert.NotEqual(0UL, (ulong)(difference >> 64));
        }
    }

    [Fact]
    public void Blocks_that_differ_in_one_bit_or_in_length_have_different_hashes()
    {
        foreach (IBlockHasher hasher in Hashers())
        {
            using (hasher)
            {
                byte[] block = Bytes(Limits.BlockBytes, 3);
                var seen = new HashSet<UInt128> { hasher.Hash(block) };
                for (int bit = 0; bit < block.Length * 8; bit += 1021)
                {
                    block[bit / 8] ^= (byte)(1 << bit % 8);
                    Assert.True(seen.Add(hasher.Hash(block)), $"bit {bit}");
                    block[bit / 8] ^= (byte)(1 << bit % 8);
                }
                byte[] zeros = new byte[Limits.BlockBytes];
                for (int length = 0; length <= 200; length++)
                    Assert.True(seen.Add(hasher.Hash(zeros.AsSpan(0, length))), $"{length} zeros");
                Assert.DoesNotContain(default, seen);
                Assert.Contains(hasher.Hash(block), seen);
            }
        }
    }

    [Fact]
    public void Another_key_makes_other_hashes()
    {
        byte[] block = Bytes(Limits.BlockBytes, 4);
        using IBlockHasher one = new BlockHashKey(new Random(1)).MakeHasher(), other = new BlockHashKey(new Random(2)).MakeHasher();
        Assert.NotEqual(one.Hash(block), other.Hash(block));
    }

    private static IEnumerable<IBlockHasher> Hashers()
    {
        yield return new GcmHasher(Bytes(GcmHasher.KeyBytes, 1));
        if (PolynomialHasher.IsSupported)
            yield return new PolynomialHasher(new PolynomialKey(Bytes(PolynomialKey.SecretBytes, 1)));
    }

    /// <summary>As the documentation of <see cref="PolynomialHasher"/> has it, without any trick.</summary>
    private static UInt128 HashOf(byte[] block, byte[] secret)
    {
        const int pieceBytes = 64, strands = 8;
        byte[] padded = [.. block, .. new byte[(strands * pieceBytes - block.Length % (strands * pieceBytes)) % (strands * pieceBytes)]];
        var dealt = new List<byte>[strands + 1];
        for (int strand = 0; strand < strands; strand++)
            dealt[strand] = [.. padded.Chunk(pieceBytes).Where((_, piece) => piece % strands == strand).SelectMany(static p => p)];
        dealt[strands] = [.. Enumerable.Range(0, dealt[0].Count).Select(at => dealt[..strands].Aggregate((byte)0, (sum, bytes) => (byte)(sum ^ bytes[at])))];
        BigInteger plain = 0, multiplied = 0;
        for (int strand = 0; strand <= strands; strand++)
        {
            BigInteger sum = Sum([.. dealt[strand]], BitConverter.ToUInt64(secret, strand * 8), strand < 2 ? block.Length : null);
            plain ^= sum;
            multiplied ^= Multiply(sum, BigInteger.One << strand);
        }
        return new UInt128((ulong)plain, (ulong)multiplied);
    }

    /// <param name="length">The last pair; none where null.</param>
    private static BigInteger Sum(byte[] strand, ulong key, int? length)
    {
        var sum = BigInteger.Zero;
        BigInteger power = key;
        for (int at = 0; at < Limits.BlockBytes / 8; at += 16)
        {
            BigInteger next = Multiply(power, key);
            if (at < strand.Length)
                sum ^= Multiply(BinaryPrimitives.ReadUInt64LittleEndian(strand.AsSpan(at)) ^ power, BinaryPrimitives.ReadUInt64LittleEndian(strand.AsSpan(at + 8)) ^ next);
            power = Multiply(next, key);
        }
        return length is null ? sum : sum ^ Multiply(length.Value ^ power, Multiply(power, key));
    }

    private static BigInteger Multiply(BigInteger a, BigInteger b)
    {
        var product = BigInteger.Zero;
        for (int bit = 63; bit >= 0; bit--)
        {
            product <<= 1;
            if (product >> 64 != 0)
                product ^= Modulus;
            if ((a >> bit & 1) == 1)
                product ^= b;
        }
        return product;
    }

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
