namespace Afs.Venus.Cache;

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
