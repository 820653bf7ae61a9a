using System.Buffers;

namespace Afs.Rpc;

/// <summary>Sends the content of one exchange in large chunks, each read straight into the array that it is sent from.</summary>
internal static class BulkSender
{
    /// <param name="chunks">Of this transfer alone.</param>
    /// <param name="read">Reads at an offset; fewer bytes than asked for only at the end.</param>
    /// <exception cref="EndOfStreamException">The source has fewer bytes than it announced.</exception>
    public static async ValueTask SendAsync(
        RpcConnection connection, BulkWatch watch, long lengthBytes, ChunkSizes chunks, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, RpcStatistics statistics)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BulkChunkFrame.HeadBytes + (int)Math.Min(chunks.MostBytes, lengthBytes));
        long offset = 0;
        while (offset < lengthBytes)
        {
            int wanted = (int)Math.Min(chunks.NextBytes(offset), lengthBytes - offset);
            int count = await read(offset, buffer.AsMemory(BulkChunkFrame.HeadBytes, wanted), connection.Ended);
            if (count <= 0 || count > wanted)
                throw new EndOfStreamException($"The source gave {count} bytes at {offset} of {lengthBytes}.");
            FrameWriter.WriteHead(buffer, new BulkChunkFrame(offset), count);
            watch.Moved();
            await connection.SendDirectAsync(buffer.AsMemory(0, BulkChunkFrame.HeadBytes + count));
            watch.Moved();
            offset += count;
            statistics.CountBulkSent(count);
        }

        // Not in a finally: a send that failed may still read the array.
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
