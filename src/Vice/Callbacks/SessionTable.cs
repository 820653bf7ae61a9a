using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Afs.Rpc;

namespace Afs.Vice.Callbacks;

/// <summary>The sessions of this server's clients, by id.</summary>
public sealed class SessionTable
{
    private readonly ConcurrentDictionary<SessionId, ClientSession> _sessions = new();

    public int Count => _sessions.Count;

    public bool TryGet(SessionId id, [MaybeNullWhen(false)] out ClientSession session) => _sessions.TryGetValue(id, out session);

    /// <summary>In the order of ids.</summary>
    public IReadOnlyList<ClientSession> All() => [.. _sessions.Values.OrderBy(session => session.Id.Value)];

    internal void Add(ClientSession session)
    {
        if (!_sessions.TryAdd(session.Id, session))
            throw new InvalidOperationException($"Session {session.Id.Value} is there already.");
    }

    internal bool Remove(SessionId id) => _sessions.TryRemove(id, out _);
}
