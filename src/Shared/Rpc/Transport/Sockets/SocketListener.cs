using System.Net;
using System.Net.Sockets;

namespace Afs.Rpc;

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

    public async ValueTask<IFrameConnection> AcceptAsync()
    {
        try
        {
            Socket socket = await _socket.AcceptAsync();
            if (Endpoint is RpcEndpoint.Tcp)
                socket.NoDelay = true;
            string peer = Endpoint is RpcEndpoint.Tcp ? socket.RemoteEndPoint?.ToString() ?? "unknown" : Endpoint.ToString();
            var stream = new ReadySocketStream(socket);
            return new StreamFrameConnection(stream, peer, _tls is null ? null : _tls.AuthenticateAsync);
        }
        catch (ObjectDisposedException)
        {
            throw new OperationCanceledException("The listener was closed.");
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.OperationAborted or SocketError.Interrupted)
        {
            throw new OperationCanceledException("The listener was closed.", e);
        }
        catch (SocketException e)
        {
            throw new IOException($"accept failed: {e.Message}", e);
        }
    }

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
