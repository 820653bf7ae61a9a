using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Afs.Venus.Cache;

/// <summary>
/// Tells blocks apart by GHASH under a secret key, as AES-GCM computes it for data that is authenticated only (NIST SP 800-38D). For two different blocks
/// of 64 KiB the chance of the same hash is below 2 to the power of -115, whatever they hold, as long as hashes stay in this process:
/// nobody who writes them knows the key. It is as fast as reading from the page cache, which no unkeyed hash of that strength is here.
/// Not safe for concurrent use.
/// </summary>
internal sealed class BlockHasher(byte[] key) : IDisposable
{
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
