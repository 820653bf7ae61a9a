namespace Afs.Rpc;

/// <summary>
/// What the server's owner learns of its sessions, and what goes into each reply's header.
/// Called on the connection's threads; must not wait.
/// </summary>
public interface IServerSessions
{
    /// <summary>This life of the server.</summary>
    Epoch Epoch { get; }

    /// <summary>How long a client may trust its promises after it last sent a call that was answered.</summary>
    TimeSpan Lease { get; }

    /// <summary>
    /// A client connected, or came back over another connection. The channel makes calls to it, on its own connection.
    /// False: the session was ended meanwhile; the client must establish another.
    /// </summary>
    bool Attached(SessionId session, ClientId client, IRpcChannel toClient);

    /// <summary>The connection is gone. Promises stay until the lease ends.</summary>
    void Detached(SessionId session, IRpcChannel toClient);

    /// <summary>A request of this session has just arrived: its lease counts from here. False: the session has ended; the client must establish another.</summary>
    bool Contact(SessionId session);

    /// <summary>
    /// How often this session's promises were dropped as a whole. In every reply; a client that sees it rise treats all it holds
    /// from this server as suspect.
    /// </summary>
    ulong ResetCount(SessionId session);
}
