using System.Net.Sockets;

namespace Afs.Rpc;

/// <summary>The writes of a socket that doesn't block: what it has no room for waits until the peer has read.</summary>
internal sealed class SocketWriting(SocketWatch watch) : SocketWait(watch, SocketSides.Writing)
{
    private ReadOnlyMemory<byte> _rest;

    /// <summary>As <see cref="Stream.WriteAsync(ReadOnlyMemory{byte}, CancellationToken)"/>. One that was cancelled may have sent a part.</summary>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellation);
        try
        {
            _rest = content;
            if (!TryFinish(out _))
                return new(this, Wait(cancellation));
            Forget();
            return default;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Forget();
            return ValueTask.FromException(e);
        }
    }

    protected override bool TryFinish(out int bytes)
    {
        bytes = 0;
        while (!_rest.IsEmpty)
        {
            bytes = Socket.Send(_rest.Span, SocketFlags.None, out SocketError error);
            _rest = _rest[bytes..];
            if (error == SocketError.WouldBlock)
                return false;
            if (error != SocketError.Success)
                throw new IOException($"sending failed: {error}", new SocketException((int)error));
        }
        return true;
    }

    protected override void Forget() => _rest = default;
}
