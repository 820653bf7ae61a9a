using System.Net;
using System.Net.Sockets;
using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc.Support;

/// <summary>The two ends of one TCP connection: a plain one, and one whose operations wait among the process's reader threads.</summary>
internal static class ReadySocketPair
{
    /// <summary>How long a test waits for what should come at once.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <param name="bufferBytes">About what the kernel takes before the peer has read; null: as it likes.</param>
    public static async Task<(Socket Peer, ReadySocketStream Stream)> ConnectAsync(int? bufferBytes = null)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (bufferBytes is { } bytes)
            listener.SendBufferSize = peer.ReceiveBufferSize = bytes;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        await peer.ConnectAsync(listener.LocalEndPoint!);
        return (peer, new ReadySocketStream(await listener.AcceptAsync()));
    }
}
