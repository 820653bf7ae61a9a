namespace Afs.Rpc;

/// <summary>Receives the chunks of one exchange: in order, without gaps, not one byte more than announced.</summary>
internal static class BulkReceiver
{
    /// <param name="write">Gets each chunk; its memory is valid until the call returns.</param>
    /// <exception cref="MalformedMessageException">A frame that doesn't belong there.</exception>
    public static async ValueTask ReceiveAsync(
        RpcConnection connection, BulkWatch watch, long lengthBytes, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, RpcStatistics statistics)
    {
        long received = 0;
        while (received < lengthBytes)
        {
            using ReceivedFrame frame = await connection.ReceiveAsync(FrameLimits.BulkBytes);
            watch.Moved();
            ReadOnlyMemory<byte> content = Content(frame, received, lengthBytes);
            await write(received, content, connection.Ended);
            watch.Moved();
            received += content.Length;
            statistics.CountBulkReceived(content.Length);
        }
    }

    private static ReadOnlyMemory<byte> Content(ReceivedFrame frame, long expectedOffset, long lengthBytes)
    {
        if (frame.IsEnd)
            throw new IOException("the peer closed the connection within a transfer");
        if (frame.Type != FrameType.BulkChunk)
            throw new MalformedMessageException($"Malformed connection: a {frame.Type} frame where content belongs.");
        BulkChunkFrame chunk = BulkChunkFrame.Read(frame.Content.Span);
        ReadOnlyMemory<byte> content = frame.Content[BulkChunkFrame.Bytes..];
        return chunk.Offset == expectedOffset && content.Length > 0 && content.Length <= lengthBytes - expectedOffset
            ? content
            : throw new MalformedMessageException($"Malformed BulkChunk frame: {content.Length} bytes at {chunk.Offset}, where byte {expectedOffset} of {lengthBytes} is next.");
    }
}
