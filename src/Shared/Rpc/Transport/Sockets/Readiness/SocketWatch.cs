using System.Net.Sockets;

namespace Afs.Rpc;

/// <summary>
/// A socket's place in the list of <see cref="ReaderThreads"/>. It owns which sides are waited for: an event disarms the socket as a whole, so a
/// side that it didn't concern is armed again here.
/// </summary>
internal sealed class SocketWatch
{
    private readonly Lock _gate = new();
    private readonly ulong _number;
    private SocketSides _wanted;
    private bool _isListed;

    /// <param name="socket">Closed by whoever made this.</param>
    public SocketWatch(Socket socket)
    {
        Socket = socket;
        Reading = new SocketReading(this);
        Writing = new SocketWriting(this);
        _number = ReaderThreads.Shared.Add(this);
    }

    public Socket Socket { get; }

    public SocketReading Reading { get; }

    public SocketWriting Writing { get; }

    /// <summary>Its events find nobody any more.</summary>
    public void Remove() => ReaderThreads.Shared.Remove(_number);

    /// <summary>A thread runs <see cref="SocketWait.Execute"/> of this side when the socket is ready for it; that may be before this returns.</summary>
    /// <inheritdoc cref="EventPoll.Arm"/>
    public void Want(SocketSides side)
    {
        lock (_gate)
        {
            _wanted |= side;
            Arm();
        }
    }

    /// <summary>The socket was disarmed by an event; the sides to execute, each of them once for what was wanted.</summary>
    public SocketSides Take(SocketSides ready)
    {
        lock (_gate)
        {
            SocketSides taken = _wanted & ready;
            _wanted &= ~ready;
            try
            {
                if (_wanted != SocketSides.None)
                    Arm();
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // The other side, executed, wants again, and learns there why it can't.
                taken |= _wanted;
                _wanted = SocketSides.None;
            }
            return taken;
        }
    }

    private void Arm()
    {
        bool isFirst = !_isListed;
        _isListed = true;
        ReaderThreads.Shared.Arm(Socket.SafeHandle, isFirst, _number, _wanted);
    }
}
