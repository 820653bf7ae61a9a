using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Afs.Venus.Cache;

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
