using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>The disk of these tests' servers: sessions, committed replies, and the counters that the mutations change. It outlives the server.</summary>
public sealed class DurableStore : IReplyStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<SessionId, (ClientId Client, CallSequence Forgotten)> _sessions = [];
    private readonly Dictionary<CallId, StoredReply> _replies = [];
    private ulong _nextSession = 1;

    /// <summary>How often each request value was executed.</summary>
    public Dictionary<long, int> Executions { get; } = [];

    public ulong Epoch { get; set; } = 1;

    /// <summary>How many times more finding a reply fails, as on a disk that does.</summary>
    public int FailingFinds { get; set; }

    public int ReplyCount
    {
        get
        {
            lock (_gate)
                return _replies.Count;
        }
    }

    public bool TryGetSession(SessionId session, out ClientId client, out CallSequence forgottenThrough)
    {
        lock (_gate)
        {
            bool isKnown = _sessions.TryGetValue(session, out (ClientId Client, CallSequence Forgotten) found);
            (client, forgottenThrough) = found;
            return isKnown;
        }
    }

    public ValueTask<SessionId?> CreateSessionAsync(ClientId client, CancellationToken cancellation)
    {
        lock (_gate)
        {
            var id = new SessionId(_nextSession++);
            _sessions[id] = (client, default);
            return new ValueTask<SessionId?>(id);
        }
    }

    public ValueTask<StoredReply?> FindAsync(CallId call)
    {
        lock (_gate)
        {
            if (FailingFinds > 0 && FailingFinds-- > 0)
                throw new IOException("The disk failed.");
            return ValueTask.FromResult<StoredReply?>(_replies.TryGetValue(call, out StoredReply reply) ? reply : null);
        }
    }

    public void Forget(SessionId session, CallSequence through)
    {
        lock (_gate)
        {
            if (!_sessions.TryGetValue(session, out (ClientId Client, CallSequence Forgotten) found))
                return;
            for (ulong sequence = found.Forgotten.Value + 1; sequence <= through.Value; sequence++)
                _replies.Remove(new CallId(found.Client, session, new CallSequence(sequence)));
            _sessions[session] = (found.Client, through);
        }
    }

    /// <summary>All sessions are gone, as when they expired.</summary>
    public void ExpireSessions()
    {
        lock (_gate)
            _sessions.Clear();
    }

    /// <summary>The mutation and its reply, in one transaction.</summary>
    public NumberMessage Execute(CallContext call, long value)
    {
        lock (_gate)
        {
            Executions[value] = Executions.GetValueOrDefault(value) + 1;
            var reply = new NumberMessage(Executions.Values.Sum());
            _replies[call.Id] = new StoredReply(AbortCode.None, WireCodec.ToBytes(reply), call.Request);
            return reply;
        }
    }
}
