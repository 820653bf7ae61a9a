using System.Buffers.Binary;
using System.Net.Sockets;
using Afs.Fuse.Abi;
using Afs.Fuse.Interop;
using Microsoft.Win32.SafeHandles;

namespace Afs.Fuse.Tests.Support;

/// <summary>
/// Plays the kernel to a real session, over a socket that keeps messages whole, as /dev/fuse does. So every request and
/// reply is tested without a mount.
/// </summary>
internal sealed class KernelEnd : IDisposable
{
    private const int UnixDomain = 1;
    private const int SequencedPackets = 5;

    /// <summary>A process that another test starts must not inherit an end, or hanging up would not end the connection.</summary>
    private const int CloseOnExec = 0x80000;
    private const int ReceiveTimeoutMs = 20_000;

    private static readonly FuseConnectionInfo Connection = new()
    {
        Major = 7,
        Minor = 45,
        Flags = (ulong)FuseInitFlags.SetXattrExtended,
        MaxWriteBytes = 65536,
        Passthrough = false,
        HasEpoch = true,
        HasResend = false,
    };

    private readonly Socket _socket;

    private KernelEnd(Socket socket, FuseSession session) => (_socket, Session) = (socket, session);

    public FuseSession Session { get; }

    public static unsafe KernelEnd Start(FuseFileSystem fileSystem, IFuseLog? log = null, int maxPending = 16, TimeSpan? watchInterval = null)
    {
        int* ends = stackalloc int[2];
        Assert.Equal(0, NativeMethods.SocketPair(UnixDomain, SequencedPackets | CloseOnExec, 0, ends));
        var options = new FuseMountOptions { Source = "s", SubType = "t", ReaderThreads = 2, MaxPendingRequests = maxPending };
        options = watchInterval is { } interval ? options with { WatchInterval = interval } : options;
        FuseSession session = FuseSession.Resume(new SafeFileHandle(ends[0], ownsHandle: true), "/nowhere", Connection, options, fileSystem, log);
        return new KernelEnd(new Socket(new SafeSocketHandle(ends[1], ownsHandle: true)) { ReceiveTimeout = ReceiveTimeoutMs }, session);
    }

    /// <param name="thread">The caller; zero: of another pid namespace.</param>
    public void Send(FuseOpcode opcode, byte[] body, ulong unique, ulong node = 1, uint thread = 0) =>
        SendRaw(FrameBuilder.Request(opcode, body, unique, node, thread));

    public void SendRaw(byte[] frame) => Assert.Equal(frame.Length, _socket.Send(frame));

    public KernelReply Receive()
    {
        byte[] buffer = new byte[128 * 1024];
        int count = _socket.Receive(buffer);
        Assert.True(count >= 16, "the session ended the connection");
        Assert.Equal(count, BinaryPrimitives.ReadInt32LittleEndian(buffer));
        int error = -BinaryPrimitives.ReadInt32LittleEndian(buffer.AsSpan(4));
        return new KernelReply(BinaryPrimitives.ReadUInt64LittleEndian(buffer.AsSpan(8)), (Errno)error, buffer[16..count]);
    }

    public KernelReply Ask(FuseOpcode opcode, byte[] body, ulong unique, ulong node = 1, uint thread = 0)
    {
        Send(opcode, body, unique, node, thread);
        KernelReply reply = Receive();
        Assert.Equal(unique, reply.Unique);
        return reply;
    }

    /// <summary>As when the filesystem is unmounted.</summary>
    public void Hangup() => _socket.Dispose();

    public void Dispose()
    {
        Hangup();
        Assert.True(Session.Completion.Wait(ReceiveTimeoutMs), "the session does not end");
    }
}
