using System.Collections.Concurrent;
using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>The server's owner, writing down what it is told.</summary>
public sealed class RecordingSessions(DurableStore store) : IServerSessions
{
    public ConcurrentDictionary<SessionId, IRpcChannel> Channels { get; } = new();

    public ConcurrentQueue<string> Events { get; } = new();

    public ulong Resets { get; set; }

    public int Contacts => _contacts;

    private int _contacts;

    public Epoch Epoch => new(store.Epoch);

    public TimeSpan Lease => TimeSpan.FromSeconds(30);

    public bool Attached(SessionId session, ClientId client, IRpcChannel toClient)
    {
        Events.Enqueue($"attached {session.Value}");
        Channels[session] = toClient;
        return true;
    }

    public void Detached(SessionId session, IRpcChannel toClient)
    {
        Events.Enqueue($"detached {session.Value}");
        Channels.TryRemove(new KeyValuePair<SessionId, IRpcChannel>(session, toClient));
    }

    /// <summary>Sessions that the owner has ended, whatever connection they have.</summary>
    public ConcurrentDictionary<SessionId, bool> Ended { get; } = new();

    public bool Contact(SessionId session)
    {
        Interlocked.Increment(ref _contacts);
        return !Ended.ContainsKey(session);
    }

    public SessionTrust Trust(SessionId session) => new(Resets);
}
