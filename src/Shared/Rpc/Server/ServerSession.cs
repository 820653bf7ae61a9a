namespace Afs.Rpc;

/// <summary>A session as its server holds it: what it runs, what it remembers, and the connection that replies go to.</summary>
internal sealed class ServerSession(SessionId id, ClientId client, IncomingCalls incoming)
{
    private ServerConnection? _current;

    public SessionId Id => id;

    public ClientId Client => client;

    public IncomingCalls Incoming => incoming;

    /// <summary>The control connection; null where there is none at the moment.</summary>
    public ServerConnection? Current => Volatile.Read(ref _current);

    /// <summary>Connections of both roles that stand on this session. Guarded by the table: while there are any, the session stays in memory.</summary>
    public int Connections { get; set; }

    /// <summary>The clock when the session was last in use, for choosing which to drop.</summary>
    public long LastUsed { get; set; }

    /// <summary>A connection takes over; the value is the one that it replaces.</summary>
    public ServerConnection? Attach(ServerConnection connection) => Interlocked.Exchange(ref _current, connection);

    public void Detach(ServerConnection connection) => Interlocked.CompareExchange(ref _current, null, connection);
}
