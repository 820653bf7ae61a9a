using System.Net;
using System.Net.Sockets;

namespace Afs.Tests.Common;

/// <summary>A line with so many bytes per second each way, and hardly anything in between: connections to it go on to a server, and end when a test cuts them.</summary>
internal sealed class SlowLink : IAsyncDisposable
{
    private const int StepsPerSecond = 20;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly EndPoint _server;
    private readonly int _stepBytes;
    private readonly Lock _gate = new();
    private readonly List<Socket> _sockets = [];
    private readonly Task _accepting;
    private long _passed;
    private volatile bool _isStopped;

    /// <param name="server">A TCP address or the path of a Unix socket.</param>
    public SlowLink(EndPoint server, int bytesPerSecond)
    {
        (_server, _stepBytes) = (server, bytesPerSecond / StepsPerSecond);
        _listener.Server.ReceiveBufferSize = 4096;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Bytes that went through, both ways.</summary>
    public long PassedBytes => Volatile.Read(ref _passed);

    /// <summary>Nothing moves any more, and nobody is told.</summary>
    public void Stop() => _isStopped = true;

    /// <summary>Ends the connections of this moment.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            foreach (Socket socket in _sockets)
                socket.Dispose();
            _sockets.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        Cut();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                Socket near = await _listener.AcceptSocketAsync();
                var far = new Socket(_server.AddressFamily, SocketType.Stream, ProtocolType.Unspecified) { ReceiveBufferSize = 4096 };
                await far.ConnectAsync(_server);
                lock (_gate)
                    _sockets.AddRange([near, far]);
                _ = PassAsync(near, far);
                _ = PassAsync(far, near);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                if (!_listener.Server.IsBound)
                    return;
            }
        }
    }

    private async Task PassAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[_stepBytes];
        try
        {
            while (await from.ReceiveAsync(buffer) is var bytes && bytes > 0)
            {
                if (_isStopped)
                    return;
                await to.SendAsync(buffer.AsMemory(0, bytes));
                Interlocked.Add(ref _passed, bytes);
                await Task.Delay(TimeSpan.FromSeconds((double)bytes / _stepBytes / StepsPerSecond));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One side is gone: the other goes too.
        }
        from.Dispose();
        to.Dispose();
    }
}
