using System.Net.Sockets;

namespace Afs.Rpc;

/// <summary>The reads of a socket that doesn't block.</summary>
internal sealed class SocketReading(SocketWatch watch) : SocketWait(watch, SocketSides.Reading)
{
    private Memory<byte> _target;
    private bool _isDrained;

    /// <summary>As <see cref="Stream.ReadAsync(Memory{byte}, CancellationToken)"/>; a read of nothing waits until there is something.</summary>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
            return ValueTask.FromCanceled<int>(cancellation);
        try
        {
            // What was read last left room: there was no more, and for more it most likely has to wait.
            if (!_isDrained && !buffer.IsEmpty && TryReceive(buffer, out int readBytes))
                return new(readBytes);
            (_isDrained, _target) = (false, buffer);
            return new(this, Wait(cancellation));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return ValueTask.FromException<int>(e);
        }
    }

    protected override bool TryFinish(out int bytes)
    {
        bytes = 0;
        return _target.IsEmpty || TryReceive(_target, out bytes);
    }

    protected override void Forget() => _target = default;

    /// <summary>False: nothing has come yet.</summary>
    private bool TryReceive(Memory<byte> buffer, out int readBytes)
    {
        readBytes = Socket.Receive(buffer.Span, SocketFlags.None, out SocketError error);
        if (error == SocketError.Success)
        {
            _isDrained = readBytes < buffer.Length;
            return true;
        }
        return error == SocketError.WouldBlock ? false : throw new IOException($"receiving failed: {error}", new SocketException((int)error));
    }
}
