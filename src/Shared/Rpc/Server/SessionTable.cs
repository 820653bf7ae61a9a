using System.Diagnostics;

namespace Afs.Rpc;

/// <summary>
/// The sessions that the server holds in memory. Others are known to the reply store, from where they come back with what was committed;
/// what only memory knew, aborts and reads, may then run again, which changes nothing.
/// </summary>
internal sealed class SessionTable(IReplyStore replies, RpcLimits limits, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<SessionId, ServerSession> _sessions = [];

    public int Count
    {
        get
        {
            lock (_gate)
                return _sessions.Count;
        }
    }

    /// <summary>A new session, held by the caller's connection until <see cref="Release"/>.</summary>
    public async ValueTask<ServerSession> CreateAsync(ClientId client, CancellationToken cancellation)
    {
        SessionId id = await replies.CreateSessionAsync(client, cancellation);
        return Add(new ServerSession(id, client, new IncomingCalls(limits, default)));
    }

    /// <summary>The session, held by the caller's connection until <see cref="Release"/>. Null: there is none, or it belongs to another client.</summary>
    public ServerSession? Find(SessionId id, ClientId client)
    {
        lock (_gate)
        {
            if (_sessions.TryGetValue(id, out ServerSession? known))
                return known.Client == client ? Hold(known) : null;
        }

        return replies.TryGetSession(id, out ClientId owner, out CallSequence forgotten) && owner == client
            ? Add(new ServerSession(id, client, new IncomingCalls(limits, forgotten)))
            : null;
    }

    public void Remove(ServerSession session)
    {
        lock (_gate)
            _sessions.Remove(session.Id);
    }

    private ServerSession Add(ServerSession session)
    {
        lock (_gate)
        {
            if (_sessions.TryGetValue(session.Id, out ServerSession? other))
                return Hold(other);
            if (_sessions.Count >= limits.Sessions)
                Trim();
            _sessions.Add(session.Id, session);
            return Hold(session);
        }
    }

    /// <summary>The connection is gone.</summary>
    public void Release(ServerSession session)
    {
        lock (_gate)
        {
            session.Connections--;
            session.LastUsed = time.GetTimestamp();
        }
    }

    private static ServerSession Hold(ServerSession session)
    {
        session.Connections++;
        return session;
    }

    /// <summary>Drops a part at once, so that not every new session has to look at all.</summary>
    private void Trim()
    {
        IEnumerable<ServerSession> oldest = _sessions.Values
            .Where(session => session.Connections == 0 && session.Incoming.IsIdle)
            .OrderBy(session => session.LastUsed)
            .Take(1 + (limits.Sessions / 16));
        foreach (ServerSession session in oldest.ToArray())
            _sessions.Remove(session.Id);
    }

    /// <summary>INVARIANT: each session is under its own number; one with a connection of its own is held by it; bounded, but for sessions in use.</summary>
    public void CheckInvariants()
    {
        lock (_gate)
        {
            foreach ((SessionId id, ServerSession session) in _sessions)
            {
                if (session.Id != id || session.Connections < 0 || session.Current is not null && session.Connections == 0)
                    throw new UnreachableException($"Session {id} has {session.Connections} connections.");
                session.Incoming.CheckInvariants();
            }

            if (_sessions.Count > limits.Sessions && _sessions.Values.Any(static session => session.Connections == 0 && session.Incoming.IsIdle))
                throw new UnreachableException($"{_sessions.Count} sessions are in memory, some of them idle.");
        }
    }
}
