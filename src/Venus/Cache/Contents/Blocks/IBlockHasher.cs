namespace Afs.Venus.Cache;

/// <summary>
/// Tells blocks of up to 64 KiB apart by 128 bits under a secret key, as fast as they can be read from the page cache. For two different blocks the chance
/// of the same hash is below 2 to the power of -100, whatever they hold, as long as hashes stay in this process: nobody who writes the blocks knows the key.
/// Hashes of one key by one kind of hasher can be compared, no others. Not safe for concurrent use.
/// </summary>
internal interface IBlockHasher : IDisposable
{
    UInt128 Hash(ReadOnlySpan<byte> block);
}
