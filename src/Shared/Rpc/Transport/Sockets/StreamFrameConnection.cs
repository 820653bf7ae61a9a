using System.Buffers;

namespace Afs.Rpc;

/// <summary>
/// Frames over a stream: a socket's, or TLS over it. Small frames are cut out of one receive buffer; what a large one has beyond it is
/// read straight into the frame's own array.
/// </summary>
internal sealed class StreamFrameConnection(Stream stream, string peer, Func<Stream, CancellationToken, Task<Stream>>? establish) : IFrameConnection
{
    private const int ReceiveBufferBytes = 8192;

    private readonly byte[] _buffer = new byte[ReceiveBufferBytes];
    private Stream _stream = stream;
    private int _start;
    private int _end;

    public string Peer => peer;

    public bool IsReliable => true;

    public async ValueTask EstablishAsync(CancellationToken cancellation)
    {
        if (establish is not null)
            _stream = await establish(_stream, cancellation);
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> frames)
    {
        try
        {
            await _stream.WriteAsync(frames);
        }
        catch (ObjectDisposedException e)
        {
            throw new IOException("the connection was closed", e);
        }
    }

    public async ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes)
    {
        try
        {
            int lengthBytes;
            while (!FrameReader.TryReadLength(_buffer.AsSpan(_start.._end), maxBytes, out lengthBytes) || _end - _start == FrameLimits.PrefixBytes)
            {
                if (await FillAsync())
                    continue;
                return _start == _end ? ReceivedFrame.End : throw new MalformedMessageException("Malformed frame: the connection ended within it.");
            }

            FrameType type = FrameReader.ReadType(_buffer[_start + FrameLimits.PrefixBytes]);
            _start += FrameLimits.PrefixBytes + 1;
            return await ReceiveContentAsync(type, lengthBytes - 1);
        }
        catch (ObjectDisposedException e)
        {
            throw new IOException("the connection was closed", e);
        }
    }

    public void Abort() => _stream.Dispose();

    public async ValueTask DisposeAsync() => await _stream.DisposeAsync();

    private async ValueTask<ReceivedFrame> ReceiveContentAsync(FrameType type, int lengthBytes)
    {
        int buffered = Math.Min(lengthBytes, _end - _start);
        byte[] content = ArrayPool<byte>.Shared.Rent(Math.Max(lengthBytes, 1));
        _buffer.AsSpan(_start, buffered).CopyTo(content);
        _start += buffered;
        if (buffered < lengthBytes)
        {
            // An array that a failed read may still write to doesn't go back to the pool.
            try
            {
                await _stream.ReadExactlyAsync(content.AsMemory(buffered, lengthBytes - buffered));
            }
            catch (EndOfStreamException)
            {
                throw new MalformedMessageException("Malformed frame: the connection ended within it.");
            }
        }

        return new ReceivedFrame(type, content, lengthBytes);
    }

    /// <summary>Reads more into the buffer; false at the end of the stream.</summary>
    private async ValueTask<bool> FillAsync()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        int read = await _stream.ReadAsync(_buffer.AsMemory(_end));
        _end += read;
        return read > 0;
    }
}
