using System.Buffers.Binary;
using System.Numerics;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>Hashes that tell blocks apart.</summary>
public class BlockHashTests
{
    private static readonly BigInteger Modulus = (BigInteger.One << 64) + 0x1B;

    public static TheoryData<int> Lengths => [0, 1, 15, 16, 17, 63, 64, 65, 128, 4096, 65_535, Limits.BlockBytes];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void The_hash_is_that_of_the_formula(int lengthBytes)
    {
        Assert.SkipUnless(PolynomialHasher.IsSupported, "The processor can't multiply polynomials.");
        byte[] secret = Bytes(PolynomialKey.SecretBytes, 1), block = Bytes(lengthBytes, 2);
        using var hasher = new PolynomialHasher(new PolynomialKey(secret));
        var expected = new UInt128(Sum(block, BitConverter.ToUInt64(secret, 0)), Sum(block, BitConverter.ToUInt64(secret, 8)));
        Assert.Equal(expected, hasher.Hash(block));
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
        yield return new GcmHasher(Bytes(16, 1));
        if (PolynomialHasher.IsSupported)
            yield return new PolynomialHasher(new PolynomialKey(Bytes(16, 1)));
    }

    /// <summary>As the documentation of <see cref="PolynomialHasher"/> has it, without any trick.</summary>
    private static ulong Sum(byte[] block, ulong key)
    {
        var sum = BigInteger.Zero;
        byte[] padded = [.. block, .. new byte[(16 - block.Length % 16) % 16]];
        BigInteger power = key;
        for (int at = 0; at < Limits.BlockBytes; at += 16)
        {
            BigInteger next = Multiply(power, key);
            if (at < padded.Length)
                sum ^= Multiply(BinaryPrimitives.ReadUInt64LittleEndian(padded.AsSpan(at)) ^ power, BinaryPrimitives.ReadUInt64LittleEndian(padded.AsSpan(at + 8)) ^ next);
            power = Multiply(next, key);
        }
        sum ^= Multiply(block.Length ^ power, Multiply(power, key));
        return (ulong)sum;
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
