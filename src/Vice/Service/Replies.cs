using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Service;

/// <summary>The durable side of at-most-once, over the metadata. Mutations write their replies themselves, in their own transactions.</summary>
internal sealed class ReplyStore(IMetadataStore metadata, Sessions sessions, CallersTurns turns, SeenReplies seen, Promises promises) : IReplyStore
{
    public bool TryGetSession(SessionId session, out ClientId client, out CallSequence forgottenThrough)
    {
        bool isKnown = sessions.Table.TryGet(session, out ClientSession? known);
        client = known?.Client ?? default;
        forgottenThrough = seen.Seen(session);
        return isKnown;
    }

    public ValueTask<SessionId?> CreateSessionAsync(ClientId client, CancellationToken cancellation) => sessions.CreateAsync(client);

    /// <summary>
    /// While clients of an earlier life may still trust what a change of that life made stale, no reply is given from here: the call
    /// goes through the service, which finds the same reply and gives it when that is over.
    /// </summary>
    public ValueTask<StoredReply?> FindAsync(CallId call) =>
        promises.HasBarriers || !sessions.Table.TryGet(call.Session, out ClientSession? session) || session.Client != call.Client
            ? ValueTask.FromResult<StoredReply?>(null)
            : turns.RunAsync(() => Read(call));

    private StoredReply? Read(CallId call)
    {
        using IMetadataView view = metadata.OpenView();
        return view.FindReply(call.Session, call.Sequence);
    }

    public void Forget(SessionId session, CallSequence through) => seen.Note(session, through);
}

/// <summary>
/// Which replies clients say they have seen. They are deleted in transactions that are made anyway, and not one by one; until then
/// the worst is that a reply is kept too long. Safe for concurrent use.
/// </summary>
internal sealed class SeenReplies
{
    /// <summary>Seen replies of one session that may stay until its next deletion.</summary>
    private const ulong Piece = 32;

    private readonly Lock _lock = new();
    private readonly Dictionary<SessionId, (ulong Seen, ulong Deleted)> _sessions = [];
    private readonly HashSet<SessionId> _due = [];

    public CallSequence Seen(SessionId session)
    {
        lock (_lock)
            return new CallSequence(_sessions.GetValueOrDefault(session).Seen);
    }

    public void Load(SessionId session, CallSequence forgotten)
    {
        lock (_lock)
            _sessions[session] = (forgotten.Value, forgotten.Value);
    }

    public void Note(SessionId session, CallSequence through)
    {
        lock (_lock)
        {
            if (!_sessions.TryGetValue(session, out (ulong Seen, ulong Deleted) known) || through.Value <= known.Seen)
                return;
            _sessions[session] = known with { Seen = through.Value };
            if (through.Value - known.Deleted >= Piece)
                _due.Add(session);
        }
    }

    public void End(SessionId session)
    {
        lock (_lock)
        {
            _sessions.Remove(session);
            _due.Remove(session);
        }
    }

    /// <summary>Joins a transaction. If its commit fails, the replies stay for good until the session ends or sees more.</summary>
    public void Delete(IMetadataTransaction transaction)
    {
        List<(SessionId Session, ulong Seen)> due = [];
        lock (_lock)
        {
            foreach (SessionId session in _due)
            {
                ulong seen = _sessions[session].Seen;
                _sessions[session] = (seen, seen);
                due.Add((session, seen));
            }
            _due.Clear();
        }
        foreach ((SessionId id, ulong seen) in due)
        {
            if (transaction.FindSession(id) is not { } session)
                continue;
            transaction.PutSession(session with { ForgottenThrough = new CallSequence(seen) });
            transaction.DeleteReplies(id, new CallSequence(seen));
        }
    }

    /// <summary>INVARIANT: it knows exactly the sessions that there are; nothing is deleted that wasn't seen.</summary>
    public void CheckInvariants(SessionTable table)
    {
        lock (_lock)
        {
            if (_sessions.Count != table.Count || _sessions.Keys.Any(id => !table.TryGet(id, out _)))
                throw new InvalidOperationException($"Seen replies: of {_sessions.Count} sessions, where there are {table.Count}.");
            if (_sessions.Values.Any(static known => known.Deleted > known.Seen) || !_due.IsSubsetOf(_sessions.Keys))
                throw new InvalidOperationException("Seen replies: some were deleted before they were seen.");
        }
    }
}

/// <summary>
/// The bytes that a reply of many parts has used. Such a reply is bounded by bytes, whatever the parts are: it stays far below a frame
/// (<see cref="FrameLimits.ControlBytes"/>), and what doesn't fit is asked for again.
/// </summary>
internal struct ReplyRoom
{
    public const int MostBytes = 1024 * 1024;

    /// <summary>A status without its symlink's target, each number at its longest.</summary>
    public const int StatusBytes = 192;

    /// <summary>An entry of a directory without its name and status.</summary>
    public const int EntryBytes = 48;

    private int _bytes;

    /// <summary>False: the bound is passed, and this part belongs into another reply, but where it is the first.</summary>
    public bool TryAdd(int bytes) => (_bytes += bytes) <= MostBytes;

    public bool TryAdd(FetchStatus? status) => TryAdd(StatusBytes + (status?.SymlinkTarget?.Length ?? 0));
}
