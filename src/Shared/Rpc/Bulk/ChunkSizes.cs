using System.Numerics;

namespace Afs.Rpc;

/// <summary>
/// How long the chunks of one transfer are. Each begins at a multiple of its own length, a power of two, and so does what the receiver writes of it: the page cache then
/// holds the file in pieces as large, not in what fits between odd places. Not safe for concurrent use.
/// </summary>
/// <param name="limits">Their bounds, which are powers of two.</param>
internal sealed class ChunkSizes(RpcLimits limits, TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    public int MostBytes => limits.ChunkBytes;

    /// <summary>
    /// The first is short, so that who waits for the beginning has it soon; each further one is as long as all before, up to what the line has taken
    /// in a second so far: a chunk that takes longer than that would look like a line on which nothing moves.
    /// </summary>
    /// <param name="offset">Where it begins: where the one before ended.</param>
    public int NextBytes(long offset)
    {
        double seconds = time.GetElapsedTime(_start).TotalSeconds;
        long aligned = offset & -offset, paced = seconds > 1 ? (long)(offset / seconds) : long.MaxValue;
        long most = Math.Clamp(Math.Min(aligned, paced), limits.FirstChunkBytes, limits.ChunkBytes);
        return 1 << BitOperations.Log2((uint)most);
    }
}
