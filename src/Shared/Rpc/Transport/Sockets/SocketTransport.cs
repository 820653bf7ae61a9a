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
                ? new StreamFrameConnection(stream, endpoint.ToString(), (inner, token) => tls.AuthenticateAsync(inner, tcp.Host, token))
                : new StreamFrameConnection(stream, endpoint.ToString(), establish: null);
        }
        catch (SocketException e)
        {
            throw new IOException($"no connection to {endpoint}: {e.Message}", e);
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
