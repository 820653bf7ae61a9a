using System.Buffers;
using System.Numerics;

namespace Afs.Rpc;

/// <summary>What a bulk exchange asks for: bytes that the service knows by an encoded request message.</summary>
/// <param name="Request">An encoded wire message; its meaning belongs to the service.</param>
public readonly record struct BulkRequest(ReadOnlyMemory<byte> Request, CallContext Context);

/// <summary>Where the bytes of a bulk download come from. Disposed when they were sent, or the connection died.</summary>
public interface IBulkSource : IAsyncDisposable
{
    /// <summary>How many bytes will come, exactly.</summary>
    long LengthBytes { get; }

    /// <summary>Reads from <paramref name="offset"/> into <paramref name="destination"/>; fewer bytes only at the end.</summary>
    ValueTask<int> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation);
}

/// <summary>Where the bytes of a bulk upload go. Disposed without <see cref="CompleteAsync"/>: forget them.</summary>
public interface IBulkSink : IAsyncDisposable
{
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellation);

    /// <summary>All bytes came and are on stable storage when this returns; the value is the encoded reply message.</summary>
    ValueTask<Outcome<ReadOnlyMemory<byte>>> CompleteAsync(CancellationToken cancellation);
}

/// <summary>The server's side of bulk transfer: content moves on connections of its own, so that no control message waits behind it.</summary>
public interface IBulkHandler
{
    ValueTask<Outcome<IBulkSource>> OpenSourceAsync(BulkRequest request);

    ValueTask<Outcome<IBulkSink>> OpenSinkAsync(BulkRequest request, long lengthBytes);
}

/// <summary>The client's side of bulk transfer.</summary>
public interface IBulkChannel
{
    /// <summary>Downloads; <paramref name="write"/> gets the bytes in order. The value is the count. Bytes of a failed download may have been written.</summary>
    ValueTask<Outcome<long>> DownloadAsync(ReadOnlyMemory<byte> request, Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask> write, CallContext context);

    /// <summary>Uploads exactly <paramref name="lengthBytes"/> bytes that <paramref name="read"/> gives, in order; the value is the encoded reply message.</summary>
    ValueTask<Outcome<ReadOnlyMemory<byte>>> UploadAsync(ReadOnlyMemory<byte> request, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, CallContext context);
}

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

/// <summary>Ends a bulk connection on which nothing moved for too long: a dead peer, or one that doesn't read.</summary>
internal sealed class BulkWatch : IDisposable
{
    private readonly RpcConnection _connection;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _limitTicks;
    private long _lastMoved;
    private TransferProgress _moved;

    public BulkWatch(RpcConnection connection, TimeProvider time, TimeSpan limit)
    {
        (_connection, _time) = (connection, time);
        Expect(limit);
        _timer = time.CreateTimer(static state => ((BulkWatch)state!).Look(), this, limit / 4, limit / 4);
    }

    /// <summary>Something must move within <paramref name="limit"/> from this moment.</summary>
    public void Expect(TimeSpan limit)
    {
        Volatile.Write(ref _limitTicks, limit.Ticks);
        Moved();
    }

    public void Moved() => Volatile.Write(ref _lastMoved, _time.GetTimestamp());

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        // A chunk takes its time on a slow line; each part of it that moves counts.
        TransferProgress progress = _connection.Progress;
        if (progress.HasMovedSince(_moved))
        {
            _moved = progress;
            Moved();
        }

        var limit = TimeSpan.FromTicks(Volatile.Read(ref _limitTicks));
        if (_time.GetElapsedTime(Volatile.Read(ref _lastMoved)) > limit)
            _connection.Break($"nothing moved for {limit.TotalSeconds} s");
    }
}

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

/// <summary>How much has moved on a connection since it was made, parts of frames included.</summary>
/// <param name="SentBytes">What the peer's machine has taken.</param>
/// <param name="ReceivedBytes">What has come.</param>
/// <param name="QueuedBytes">What this machine has taken to send and the peer's has not.</param>
public readonly record struct TransferProgress(long SentBytes, long ReceivedBytes, int QueuedBytes = 0)
{
    /// <summary>Less than this is no progress: who trickles byte after byte is as good as dead.</summary>
    private const long LeastBytes = 4096;

    /// <summary>Enough has moved in either direction since <paramref name="before"/>.</summary>
    public bool HasMovedSince(TransferProgress before) => HasSentSince(before) || HasReceivedSince(before);

    /// <summary>Enough waits to be taken by the peer's machine.</summary>
    public bool IsSending => QueuedBytes >= LeastBytes;

    public bool HasSentSince(TransferProgress before) => SentBytes - before.SentBytes >= LeastBytes;

    public bool HasReceivedSince(TransferProgress before) => ReceivedBytes - before.ReceivedBytes >= LeastBytes;
}
