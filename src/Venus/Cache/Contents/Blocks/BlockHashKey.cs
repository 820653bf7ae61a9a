namespace Afs.Venus.Cache;

/// <summary>The secret of one cache's block hashes. Hashes of two caches have nothing to do with each other.</summary>
internal sealed class BlockHashKey
{
    private const int KeyBytes = 16;

    private readonly byte[] _key = new byte[KeyBytes];

    public BlockHashKey(Random random)
    {
        lock (random)
            random.NextBytes(_key);
    }

    public BlockHasher MakeHasher() => new(_key);
}
