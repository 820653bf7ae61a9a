using System.Net.Sockets;

namespace Afs.Rpc;

/// <summary>
/// A connected socket whose reads and writes wait among <see cref="ReaderThreads"/>, never with the framework. One read and one write at a time.
/// </summary>
internal sealed class ReadySocketStream : NetworkStream
{
    private readonly SocketWatch _watch;

    /// <param name="socket">Owned from here on. No asynchronous operation of the framework's has waited for it: that would watch it as well, for as long as it lives.</param>
    public ReadySocketStream(Socket socket)
        : base(socket, ownsSocket: true)
    {
        socket.Blocking = false;
        _watch = new SocketWatch(socket);
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _watch.Reading.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        _watch.Writing.WriteAsync(buffer, cancellationToken);

    /// <summary>Before the socket is shut down, which to whoever still waited would look like the peer's end; and after, for who began to wait meanwhile.</summary>
    protected override void Dispose(bool disposing)
    {
        EndWaits();
        base.Dispose(disposing);
        _watch.Remove();
        EndWaits();
    }

    private void EndWaits()
    {
        _watch.Reading.End();
        _watch.Writing.End();
    }
}
