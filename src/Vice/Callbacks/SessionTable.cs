using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Afs.Rpc;

namespace Afs.Vice.Callbacks;

/// <summary>The sessions of this server's clients, by id.</summary>
public sealed class SessionTable
{
    private readonly ConcurrentDictionary<SessionId, ClientSession> _sessions = new();
    private readonly ConcurrentDictionary<ClientId, ClientSession> _byClient = new();

    public int Count => _sessions.Count;

    public bool TryGet(SessionId id, [MaybeNullWhen(false)] out ClientSession session) => _sessions.TryGetValue(id, out session);

    /// <summary>In the order of ids.</summary>
    public IReadOnlyList<ClientSession> All() => [.. _sessions.Values.OrderBy(session => session.Id.Value)];

    /// <summary>A client has at most one.</summary>
    internal ClientSession? Find(ClientId client) => _byClient.GetValueOrDefault(client);

    internal void Add(ClientSession session)
    {
        if (!_sessions.TryAdd(session.Id, session))
            throw new InvalidOperationException($"Session {session.Id.Value} is there already.");
        _byClient[session.Client] = session;
    }

    internal void Remove(ClientSession session)
    {
        _sessions.TryRemove(session.Id, out _);
        _byClient.TryRemove(new(session.Client, session));
    }
}
