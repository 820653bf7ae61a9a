using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Afs.Platform;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Hash and CRC32C of each block of one content. Blocks may be set from several threads, each once.</summary>
internal sealed class BlockSums
{
    /// <summary>Contents of more blocks, 16 GiB, are stored whole: their sums would take too much memory.</summary>
    private const long MostBlocks = 1 << 18;

    // Zero: not known, which no block equals.
    private readonly UInt128[] _hashes;
    private readonly uint[] _crcs;

    private BlockSums(long lengthBytes)
    {
        LengthBytes = lengthBytes;
        long count = CountOf(lengthBytes);
        (_hashes, _crcs) = (new UInt128[count], new uint[count]);
    }

    public long LengthBytes { get; }

    public int Count => _hashes.Length;

    public static bool CanHold(long lengthBytes) => CountOf(lengthBytes) <= MostBlocks;

    /// <summary>Of a content that isn't known yet.</summary>
    public static BlockSums OfNothing(long lengthBytes) => new(lengthBytes);

    /// <summary>Of a content of zeros.</summary>
    public static BlockSums OfZeros(long lengthBytes, IBlockHasher hasher)
    {
        var sums = new BlockSums(lengthBytes);
        sums.SetZeros(0, hasher);
        return sums;
    }

    /// <summary>A copy, of a content that goes on with zeros behind these.</summary>
    public BlockSums Extended(long lengthBytes, IBlockHasher hasher)
    {
        var sums = new BlockSums(lengthBytes);
        _hashes.CopyTo(sums._hashes, 0);
        _crcs.CopyTo(sums._crcs, 0);
        if (lengthBytes == LengthBytes)
            return sums;
        sums.SetZeros(Count, hasher);
        long lastWas = LengthBytes - (Count - 1L) * Limits.BlockBytes, lastIs = sums.BytesOf(Count - 1);
        if (Count > 0 && lastIs != lastWas)
        {
            var crc = Crc32C.From(_crcs[^1]);
            crc.AddZeros(lastIs - lastWas);
            (sums._hashes[Count - 1], sums._crcs[Count - 1]) = (default, crc.Value);
        }
        return sums;
    }

    public int BytesOf(long block) => (int)Math.Min(Limits.BlockBytes, LengthBytes - block * Limits.BlockBytes);

    public uint Crc32COf(long block) => _crcs[block];

    public bool IsSame(long block, BlockSums other) => _hashes[block] != default && _hashes[block] == other._hashes[block];

    public void Set(long block, UInt128 hash, uint crc32C) => (_hashes[block], _crcs[block]) = (hash, crc32C);

    /// <summary>The checksum of the whole.</summary>
    public uint WholeCrc32C()
    {
        uint crc = 0;
        for (int block = 0; block < Count; block++)
            crc = Crc32C.Join(crc, _crcs[block], BytesOf(block));
        return crc;
    }

    private static long CountOf(long lengthBytes) => (lengthBytes + Limits.BlockBytes - 1) / Limits.BlockBytes;

    private void SetZeros(int from, IBlockHasher hasher)
    {
        if (from == Count)
            return;
        byte[] zeros = new byte[Limits.BlockBytes];
        (UInt128 hash, uint crc) = (hasher.Hash(zeros), Crc32C.Of(zeros));
        Array.Fill(_hashes, hash, from, Count - from);
        Array.Fill(_crcs, crc, from, Count - from);
        ReadOnlySpan<byte> last = zeros.AsSpan(0, BytesOf(Count - 1));
        Set(Count - 1, hasher.Hash(last), Crc32C.Of(last));
    }
}

/// <summary>
/// Tells blocks of up to 64 KiB apart by 128 bits under a secret key, as fast as they can be read from the page cache. For two different blocks the chance
/// of the same hash is below 2 to the power of -100, whatever they hold, as long as hashes stay in this process: nobody who writes the blocks knows the key.
/// Hashes of one key by one kind of hasher can be compared, no others. Not safe for concurrent use.
/// </summary>
internal interface IBlockHasher : IDisposable
{
    UInt128 Hash(ReadOnlySpan<byte> block);
}

/// <summary>The secret of one cache's block hashes. Hashes of two caches have nothing to do with each other. Safe for concurrent use.</summary>
internal sealed class BlockHashKey
{
    private readonly byte[] _secret = new byte[PolynomialKey.SecretBytes];
    private readonly Lazy<PolynomialKey> _powers;

    public BlockHashKey(Random random)
    {
        lock (random)
            random.NextBytes(_secret);
        _powers = new(() => new PolynomialKey(_secret));
    }

    public IBlockHasher MakeHasher() => PolynomialHasher.IsSupported ? new PolynomialHasher(_powers.Value) : new GcmHasher(_secret.AsSpan(0, GcmHasher.KeyBytes));
}

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

/// <summary>
/// GHASH, as AES-GCM computes it for data that is authenticated only (NIST SP 800-38D): two different blocks of 64 KiB have the same hash with a chance
/// below 2 to the power of -115. For processors without the instructions of <see cref="PolynomialHasher"/>.
/// </summary>
internal sealed class GcmHasher(ReadOnlySpan<byte> key) : IBlockHasher
{
    public const int KeyBytes = 16;

    private const int TagBytes = 16, NonceBytes = 12;

    private readonly AesGcm _gcm = new(key, TagBytes);
    private readonly byte[] _nonce = new byte[NonceBytes];

    public UInt128 Hash(ReadOnlySpan<byte> block)
    {
        Span<byte> tag = stackalloc byte[TagBytes];
        // The same nonce each time: tags must be comparable, and none leaves the process.
        _gcm.Encrypt(_nonce, ReadOnlySpan<byte>.Empty, Span<byte>.Empty, tag, block);
        return BinaryPrimitives.ReadUInt128LittleEndian(tag);
    }

    public void Dispose() => _gcm.Dispose();
}
