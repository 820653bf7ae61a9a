using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Afs.Rpc;

namespace Afs.Vice.Callbacks;

/// <summary>The sessions of this server's clients, by id and by client. Safe for concurrent use.</summary>
public sealed class SessionTable
{
    private readonly ConcurrentDictionary<SessionId, ClientSession> _sessions = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<ClientId, List<ClientSession>> _byClient = [];

    public int Count => _sessions.Count;

    public bool TryGet(SessionId id, [MaybeNullWhen(false)] out ClientSession session) => _sessions.TryGetValue(id, out session);

    /// <summary>In the order of ids.</summary>
    public IReadOnlyList<ClientSession> All() => [.. _sessions.Values.OrderBy(session => session.Id.Value)];

    /// <summary>Those of one client: the one that it uses, and others that it may never hear of.</summary>
    internal IReadOnlyList<ClientSession> Of(ClientId client)
    {
        lock (_lock)
            return _byClient.TryGetValue(client, out List<ClientSession>? sessions) ? [.. sessions] : [];
    }

    internal void Add(ClientSession session)
    {
        lock (_lock)
        {
            if (!_sessions.TryAdd(session.Id, session))
                throw new InvalidOperationException($"Session {session.Id.Value} is there already.");
            if (!_byClient.TryGetValue(session.Client, out List<ClientSession>? sessions))
                _byClient.Add(session.Client, sessions = []);
            sessions.Add(session);
        }
    }

    internal void Remove(ClientSession session)
    {
        lock (_lock)
        {
            if (!_sessions.TryRemove(session.Id, out _))
                return;
            List<ClientSession> sessions = _byClient[session.Client];
            sessions.Remove(session);
            if (sessions.Count == 0)
                _byClient.Remove(session.Client);
        }
    }

    /// <summary>
    /// INVARIANT: both indexes have the same sessions, none that has ended; of one client at most one may trust what it was promised, and one
    /// that no call came for never does.
    /// </summary>
    internal void CheckInvariants()
    {
        lock (_lock)
        {
            Require(_byClient.Values.Sum(static sessions => sessions.Count) == _sessions.Count, "the indexes differ in number");
            foreach ((ClientId client, List<ClientSession> sessions) in _byClient)
            {
                Require(sessions.Count > 0, "a client without sessions");
                Require(sessions.TrueForAll(s => s.Client == client && _sessions.ContainsKey(s.Id)), "a session is indexed by another client");
                Require(sessions.TrueForAll(static s => !s.HasEnded && !(s.IsUnused && !s.IsLapsed)), "an ended session, or one that is trusted and unused");
                Require(sessions.Count(static s => !s.IsLapsed) <= 1, "two sessions of one client that may trust");
            }
        }
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
            throw new InvalidOperationException($"Session table: {what}.");
    }
}
