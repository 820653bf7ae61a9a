using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace Afs.Rpc;

/// <summary>TCP, TLS 1.3 over TCP, and Unix sockets.</summary>
public sealed class SocketTransport(SocketTransportOptions? options = null) : ITransport
{
    private readonly SocketTransportOptions _options = options ?? new SocketTransportOptions();

    public async ValueTask<IFrameConnection> ConnectAsync(RpcEndpoint endpoint, CancellationToken cancellation)
    {
        try
        {
            Socket socket = await ConnectSocketAsync(endpoint, cancellation);
            var stream = new ReadySocketStream(socket);
            return endpoint is RpcEndpoint.Tcp tcp && _options.ClientTls is { } tls
                ? new StreamFrameConnection(stream, endpoint.ToString(), endpoint.ToString(), (inner, token) => tls.AuthenticateAsync(inner, tcp.Host, token))
                : new StreamFrameConnection(stream, endpoint.ToString(), endpoint.ToString(), establish: null);
        }
        catch (SocketException e)
        {
            throw new IOException($"no connection to {endpoint}: {e.Message}", e);
        }
        catch (ObjectDisposedException e)
        {
            throw new IOException($"no connection to {endpoint}: it was closed as it was made", e);
        }
    }

    public async ValueTask<IFrameListener> ListenAsync(RpcEndpoint endpoint, CancellationToken cancellation)
    {
        try
        {
            return await SocketListener.OpenAsync(endpoint, _options.ServerTls, cancellation);
        }
        catch (SocketException e)
        {
            string why = e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => "the address is in use, maybe by another server",
                SocketError.AccessDenied => "permission denied",
                SocketError.AddressNotAvailable => "this machine doesn't have the address",
                SocketError.HostNotFound or SocketError.NoData => "no such host",
                _ => e.Message,
            };
            throw new RpcEndpointException($"Cannot listen at {endpoint}: {why}.", e);
        }
    }

    private static async Task<Socket> ConnectSocketAsync(RpcEndpoint endpoint, CancellationToken cancellation)
    {
        Socket socket = endpoint is RpcEndpoint.Unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            EndPoint target = endpoint switch
            {
                RpcEndpoint.Unix unix => new UnixDomainSocketEndPoint(unix.Path),
                RpcEndpoint.Tcp tcp => new DnsEndPoint(tcp.Host, tcp.Port),
                _ => throw new RpcEndpointException($"'{endpoint}' is no address of a socket."),
            };
            await ConnectAsync(socket, target, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Blocks a thread of the pool meanwhile: the framework's own wait would watch the socket for as long as it lives (<see cref="ReadySocketStream"/>).</summary>
    private static async Task ConnectAsync(Socket socket, EndPoint target, CancellationToken cancellation)
    {
        await using CancellationTokenRegistration closing = cancellation.UnsafeRegister(static socket => ((Socket)socket!).Dispose(), socket);
        try
        {
            await Task.Run(() => socket.Connect(target), CancellationToken.None);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException && cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException("Connecting was given up.", e, cancellation);
        }
    }
}

/// <summary>How sockets are secured. TCP only; a Unix socket is guarded by its file's mode.</summary>
public sealed record SocketTransportOptions
{
    /// <summary>Connect with TLS; null: in clear.</summary>
    public TlsClient? ClientTls { get; init; }

    /// <summary>Accept only TLS; null: in clear.</summary>
    public TlsServer? ServerTls { get; init; }
}

/// <summary>Listens at one TCP port or Unix socket.</summary>
internal sealed class SocketListener : IFrameListener
{
    /// <summary>Connections that the kernel holds until they are accepted.</summary>
    private const int Backlog = 512;

    private readonly Socket _socket;
    private readonly TlsServer? _tls;

    private SocketListener(Socket socket, RpcEndpoint endpoint, TlsServer? tls) => (_socket, Endpoint, _tls) = (socket, endpoint, tls);

    public RpcEndpoint Endpoint { get; }

    public static async Task<SocketListener> OpenAsync(RpcEndpoint endpoint, TlsServer? tls, CancellationToken cancellation) => endpoint switch
    {
        RpcEndpoint.Tcp tcp => await OpenTcpAsync(tcp, tls, cancellation),
        RpcEndpoint.Unix unix => OpenUnix(unix),
        _ => throw new RpcEndpointException($"'{endpoint}' is no address of a socket."),
    };

    /// <summary>The next connection. One that ended before it could be served is no failure of the listener's, which would make others wait.</summary>
    public async ValueTask<IFrameConnection> AcceptAsync()
    {
        while (true)
        {
            if (await AcceptSocketAsync() is { } socket && TryServe(socket) is { } connection)
                return connection;
        }
    }

    /// <summary>Null: that connection ended in the kernel's queue, of which accept(2) tells.</summary>
    private async ValueTask<Socket?> AcceptSocketAsync()
    {
        try
        {
            return await _socket.AcceptAsync();
        }
        catch (ObjectDisposedException)
        {
            throw new OperationCanceledException("The listener was closed.");
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.OperationAborted or SocketError.Interrupted)
        {
            throw new OperationCanceledException("The listener was closed.", e);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset or SocketError.NetworkDown
            or SocketError.NetworkUnreachable or SocketError.HostDown or SocketError.HostUnreachable)
        {
            return null;
        }
        catch (SocketException e)
        {
            throw new IOException($"accept failed: {e.Message}", e);
        }
    }

    /// <summary>Null: it ended meanwhile.</summary>
    private StreamFrameConnection? TryServe(Socket socket)
    {
        try
        {
            if (Endpoint is RpcEndpoint.Tcp)
                socket.NoDelay = true;
            string peer = Endpoint is RpcEndpoint.Tcp ? socket.RemoteEndPoint?.ToString() ?? "unknown" : Endpoint.ToString();
            return new StreamFrameConnection(new ReadySocketStream(socket), peer, Host(socket), _tls is null ? null : _tls.AuthenticateAsync);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            socket.Dispose();
            return null;
        }
    }

    /// <summary>Of all users of a Unix socket nothing can be told apart but that they are on this machine.</summary>
    private string Host(Socket socket) => socket.RemoteEndPoint is IPEndPoint { Address: var address } ? address.ToString() : Endpoint.ToString();

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        if (Endpoint is RpcEndpoint.Unix unix)
            File.Delete(unix.Path);
        return ValueTask.CompletedTask;
    }

    private static async Task<SocketListener> OpenTcpAsync(RpcEndpoint.Tcp tcp, TlsServer? tls, CancellationToken cancellation)
    {
        IPAddress address = IPAddress.TryParse(tcp.Host, out IPAddress? parsed)
            ? parsed
            : (await Dns.GetHostAddressesAsync(tcp.Host, cancellation))[0];
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        Bind(socket, new IPEndPoint(address, tcp.Port));
        return new SocketListener(socket, tcp with { Port = ((IPEndPoint)socket.LocalEndPoint!).Port }, tls);
    }

    private static SocketListener OpenUnix(RpcEndpoint.Unix unix)
    {
        if (Path.GetDirectoryName(unix.Path) is not { } directory || !Directory.Exists(directory))
            throw new RpcEndpointException($"Cannot listen at {unix}: its directory doesn't exist.");
        RemoveStale(unix);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Bind(socket, new UnixDomainSocketEndPoint(unix.Path));
        return new SocketListener(socket, unix, tls: null);
    }

    /// <summary>A server that was killed leaves its socket behind; one at which somebody answers is in use.</summary>
    private static void RemoveStale(RpcEndpoint.Unix unix)
    {
        if (!File.Exists(unix.Path))
            return;
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(unix.Path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            if ((File.GetAttributes(unix.Path) & FileAttributes.Directory) == 0 && new FileInfo(unix.Path).Length == 0)
                File.Delete(unix.Path);
            return;
        }

        throw new SocketException((int)SocketError.AddressAlreadyInUse);
    }

    private static void Bind(Socket socket, EndPoint endPoint)
    {
        try
        {
            socket.Bind(endPoint);
            socket.Listen(Backlog);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>
/// Frames over a stream: a socket's, or TLS over it. Small frames are cut out of one receive buffer; what a large one has beyond it is
/// read straight into the frame's own array.
/// </summary>
internal sealed class StreamFrameConnection(ReadySocketStream stream, string peer, string host, Func<Stream, CancellationToken, Task<Stream>>? establish) : IFrameConnection
{
    private const int ReceiveBufferBytes = 8192;

    /// <summary>A frame's array may be so long before its bytes are there; of a connection on which a longer frame came, twice that.</summary>
    private const int TrustedBytes = 64 * 1024;

    private readonly byte[] _buffer = new byte[ReceiveBufferBytes];
    private Stream _stream = stream;
    private int _trustedBytes = TrustedBytes;
    private int _start;
    private int _end;
    private volatile bool _isFrameArriving;

    public string Peer => peer;

    public string Host => host;

    public TransferProgress Progress => stream.Progress;

    public bool IsFrameArriving => _isFrameArriving;

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

    public async ValueTask<ReceivedFrame> ReceiveAsync(int maxBytes, ArrivalRoom? room = null)
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
            return await ReceiveContentAsync(type, lengthBytes - 1, room);
        }
        catch (ObjectDisposedException e)
        {
            throw new IOException("the connection was closed", e);
        }
    }

    public void Abort() => _stream.Dispose();

    public async ValueTask DisposeAsync() => await _stream.DisposeAsync();

    private async ValueTask<ReceivedFrame> ReceiveContentAsync(FrameType type, int lengthBytes, ArrivalRoom? room)
    {
        bool isAllHere = lengthBytes <= _end - _start;
        // What is short, or all here, is soon gone again.
        using ArrivalRoom.Place place = isAllHere || lengthBytes <= TrustedBytes || room is null ? default : await room.TakeAsync(host, lengthBytes);
        int received = Math.Min(lengthBytes, _end - _start);
        byte[] content = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Min(lengthBytes, _trustedBytes), 1));
        _buffer.AsSpan(_start, received).CopyTo(content);
        _start += received;
        _isFrameArriving = !isAllHere;
        while (received < lengthBytes)
        {
            int wanted = Math.Min(lengthBytes, content.Length);
            if (received == wanted)
            {
                byte[] longer = ArrayPool<byte>.Shared.Rent(Math.Min(lengthBytes, 2 * content.Length));
                content.AsSpan(0, received).CopyTo(longer);
                ArrayPool<byte>.Shared.Return(content);
                (content, wanted) = (longer, Math.Min(lengthBytes, longer.Length));
            }

            // An array that a failed read may still write to doesn't go back to the pool.
            int read = await _stream.ReadAsync(content.AsMemory(received, wanted - received));
            if (read == 0)
                throw new MalformedMessageException("Malformed frame: the connection ended within it.");
            received += read;
        }

        _isFrameArriving = false;
        _trustedBytes = Math.Max(_trustedBytes, 2 * lengthBytes);
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
