using System.Net.Sockets;
using System.Text.Json;

namespace Afs.Venus.Hosting;

/// <summary>Asks the daemon of a mount.</summary>
internal static class ControlClient
{
    /// <summary>Null: no daemon listens there.</summary>
    public static async Task<ControlReply?> TryAskAsync(string socketPath, ControlRequest request, CancellationToken cancellation)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation);
        }
        catch (SocketException)
        {
            return null;
        }

        using var stream = new NetworkStream(socket);
        await ControlLine.WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest), cancellation);
        byte[] line = await ControlLine.ReadAsync(stream, cancellation);
        return JsonSerializer.Deserialize(line, ControlJson.Default.ControlReply);
    }

    /// <exception cref="HostingException">No daemon listens for that mount point, or it refuses.</exception>
    public static async Task<ControlReply> AskAsync(string mountPoint, ControlRequest request, CancellationToken cancellation)
    {
        ControlReply reply = await TryAskAsync(ControlSocket.PathOf(mountPoint), request, cancellation)
            ?? throw new HostingException(ExitCode.NotMounted, $"No venus is mounted at {mountPoint}.");
        return reply.Code == ExitCode.Done ? reply : throw new HostingException(reply.Code, reply.Message ?? "The daemon refuses.");
    }

    public static bool Answers(string socketPath)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
