using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Afs.Control;

/// <summary>Asks the daemon of a mount.</summary>
public static class ControlClient
{
    /// <summary>The last line of the answer. Null: no daemon listens there, or this user may not ask it.</summary>
    /// <exception cref="ControlException">The daemon ended before it had answered, or says what no daemon says.</exception>
    public static async Task<ControlReply?> TryAskAsync(string socketPath, ControlRequest request, CancellationToken cancellation)
    {
        ControlReply? last = null;
        await foreach (ControlReply reply in AskAllAsync(socketPath, request, cancellation))
            last = reply;
        return last;
    }

    /// <summary>All lines of the answer as they come; none where no daemon listens.</summary>
    /// <exception cref="ControlException">The daemon ended before it had answered, or says what no daemon says.</exception>
    public static async IAsyncEnumerable<ControlReply> AskAllAsync(
        string socketPath, ControlRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using Socket? socket = await TryConnectAsync(socketPath, cancellation);
        if (socket is null)
            yield break;
        using var stream = new NetworkStream(socket);
        var lines = new ControlLines(stream);
        await ControlLines.WriteAsync(stream, JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest), cancellation);
        ControlReply reply;
        do
        {
            reply = await ReadAsync(lines, cancellation);
            yield return reply;
        }
        while (reply.HasMore);
    }

    /// <exception cref="ControlException">No daemon listens for that mount point, or it refuses.</exception>
    public static async Task<ControlReply> AskAsync(string mountPoint, ControlRequest request, CancellationToken cancellation)
    {
        ControlReply reply = await TryAskAsync(ControlSocket.PathOf(mountPoint), request, cancellation)
            ?? throw new ControlException(ExitCode.NotMounted, $"No venus is mounted at {mountPoint}.");
        return reply.Code == ExitCode.Done ? reply : throw new ControlException(reply.Code, reply.Message ?? "The daemon refuses.");
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

    private static async Task<Socket?> TryConnectAsync(string socketPath, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation);
            return socket;
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is SocketException)
                return null;
            throw;
        }
    }

    private static async Task<ControlReply> ReadAsync(ControlLines lines, CancellationToken cancellation)
    {
        try
        {
            return JsonSerializer.Deserialize(await lines.ReadAsync(cancellation), ControlJson.Default.ControlReply)
                ?? throw new JsonException("The answer is null.");
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new ControlException(ExitCode.Failed, $"The daemon gave no answer: {e.Message}", e);
        }
    }
}
