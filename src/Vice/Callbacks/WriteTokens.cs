using Afs.Platform;
using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>
/// Who may change which vnode without asking. The rules:
/// <list type="number">
/// <item>A write token is one session's alone, and while it is held nobody else is promised anything on its vnode: both are decided under this table's lock.</item>
/// <item>Tokens are given by the writer, between two mutations. So none is given in the middle of a change, and a change that finds one is undone and begins again.</item>
/// <item>Whoever else asks makes the server recall it, and waits without a thread and without a lock until it is returned, or its holder's lease is over.</item>
/// <item>Returning waits for nobody, and neither does a batch of a session that is itself waited for. So no circle of waits can close: its last to begin would be one of those.</item>
/// <item>A vnode that two sessions want at a time is nobody's for a while: both ask the server.</item>
/// <item>After a restart nothing is read or changed but by who has claimed it again, until all sessions that held tokens have said what they held, or their leases are over.</item>
/// </list>
/// Safe for concurrent use; all methods are short.
/// </summary>
/// <param name="most">Tokens in all. Of these a session has its share (<see cref="FairShares{THolder}"/>).</param>
/// <param name="recall">Sends a recall to the holder. Called without the lock; must not wait.</param>
public sealed class WriteTokens(int most, TimeProvider time, Action<ClientSession, Fid> recall) : IVnodeGuard
{
    /// <summary>For how long a vnode is nobody's after a second session asked for it, or after its token was recalled.</summary>
    public const int QuietMs = 2_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, WriteToken> _tokens = [];
    private readonly Dictionary<SessionId, HashSet<Fid>> _ofSession = [];
    private readonly Dictionary<SessionId, int> _recalled = [];
    private readonly FairShares<SessionId> _shares = new(most);
    private readonly HashSet<SessionId> _marked = [];
    private readonly HashSet<SessionId> _unclaimed = [];
    private readonly RecentAsks _asks = new(time);
    private FreeSignal? _claimed;

    /// <summary>Those who wait.</summary>
    internal TokenWaits Waits { get; } = new();

    public int Count
    {
        get
        {
            lock (_lock)
                return _tokens.Count;
        }
    }

    public int CountOf(SessionId session)
    {
        lock (_lock)
            return _ofSession.TryGetValue(session, out HashSet<Fid>? fids) ? fids.Count : 0;
    }

    /// <summary>Recalls sent since the server's start.</summary>
    public long Recalls { get; private set; }

    /// <summary>Sessions that have yet to say what they held before the restart.</summary>
    public bool IsClaiming
    {
        get
        {
            lock (_lock)
                return _unclaimed.Count > 0;
        }
    }

    /// <summary>While it is held no token is given: for who grants promises.</summary>
    internal Lock.Scope EnterScope() => _lock.EnterScope();

    /// <summary>Notes that a session asks, and recalls what it must wait for. Null: it need not.</summary>
    internal Task? Ask(SessionId session, IReadOnlyList<Fid> fids)
    {
        HashSet<Task>? all = null;
        List<(ClientSession Holder, Fid Fid)>? recalls = null;
        lock (_lock)
        {
            foreach (Fid fid in fids)
            {
                if (Ask(session, fid, out WriteToken? recalled) is { } held)
                    (all ??= []).Add(held.Free);
                if (recalled is not null)
                    (recalls ??= []).Add((recalled.Holder, fid));
            }
        }
        recalls?.ForEach(one => recall(one.Holder, one.Fid));
        return all is null ? null : Task.WhenAll(all);
    }

    /// <exception cref="HeldVnodeException">It is another session's, who is told; or nobody knows yet whose it is.</exception>
    public void Enter(SessionId session, Fid fid)
    {
        (Task Free, bool IsAnothers)? held;
        WriteToken? recalled;
        lock (_lock)
            held = Ask(session, fid, out recalled);
        if (recalled is not null)
            recall(recalled.Holder, fid);
        if (held is { } other)
            throw new HeldVnodeException(other.Free, other.IsAnothers);
    }

    /// <summary>Inside <see cref="EnterScope"/>: whether a promise on it may be given to that session now.</summary>
    /// <param name="isNew">It can't be what another session has yet to claim.</param>
    internal bool MayPromise(SessionId session, Fid fid, bool isNew) =>
        _tokens.TryGetValue(fid, out WriteToken? token) ? token.Holder.Id == session : isNew || _unclaimed.Count == 0;

    /// <summary>
    /// By the writer, and before the transaction's commit: whoever comes in between waits. False: another session has it or asked for it just now, or there are too many. What
    /// was held before stays so, but for a token that is recalled.
    /// </summary>
    /// <param name="isClaimed">The session had it before the restart.</param>
    /// <param name="isNew">It wasn't held before: <see cref="Withdraw"/> takes it back.</param>
    internal bool TryTake(ClientSession session, Fid fid, bool isClaimed, out bool isNew)
    {
        isNew = false;
        lock (_lock)
        {
            if (_tokens.TryGetValue(fid, out WriteToken? token))
                return token.Holder == session && !token.IsRecalled;
            isClaimed &= _unclaimed.Contains(session.Id);
            bool isFree = isClaimed || _unclaimed.Count == 0 && _asks.IsQuiet(fid, session.Id);
            _asks.Note(fid, session.Id);
            return isNew = isFree && TryAdd(session, fid);
        }
    }

    /// <summary>By the writer, of objects that it has just made. All, or none.</summary>
    internal bool TryTakeNew(ClientSession session, IReadOnlyList<Fid> fids)
    {
        lock (_lock)
        {
            for (int i = 0; i < fids.Count; i++)
            {
                if (TryAdd(session, fids[i]))
                    continue;
                foreach (Fid fid in fids.Take(i))
                    Remove(fid);
                return false;
            }
            return true;
        }
    }

    /// <summary>What was given in a transaction that isn't committed.</summary>
    internal void Withdraw(SessionId session, IReadOnlyList<Fid> fids) => Return(session, fids);

    /// <summary>The holder has sent what it did under these, or did nothing. Those that it hasn't got are passed over: a recall may overtake the reply that gives.</summary>
    public void Return(SessionId session, IReadOnlyList<Fid> fids)
    {
        lock (_lock)
        {
            foreach (Fid fid in fids)
            {
                if (_tokens.TryGetValue(fid, out WriteToken? token) && token.Holder.Id == session)
                    Remove(fid);
            }
        }
    }

    /// <summary>The session's lease is over, or itself: it holds nothing, and nobody waits for what it held before a restart.</summary>
    internal void Drop(SessionId session)
    {
        lock (_lock)
        {
            if (_ofSession.TryGetValue(session, out HashSet<Fid>? fids))
            {
                foreach (Fid fid in fids.ToList())
                    Remove(fid);
            }
            _marked.Remove(session);
            Claimed(session);
        }
    }

    /// <summary>Something makes the server call all that it gave to a session back.</summary>
    internal void RecallAll(ClientSession session)
    {
        List<Fid> fids = [];
        lock (_lock)
        {
            foreach (Fid fid in _ofSession.GetValueOrDefault(session.Id) ?? [])
            {
                if (Begin(_tokens[fid]))
                    fids.Add(fid);
            }
        }
        fids.ForEach(fid => recall(session, fid));
    }

    /// <summary>If it is that session's.</summary>
    internal void Recall(ClientSession session, Fid fid)
    {
        lock (_lock)
        {
            if (!_tokens.TryGetValue(fid, out WriteToken? token) || token.Holder != session || !Begin(token))
                return;
        }
        recall(session, fid);
    }

    /// <summary>Somebody waits for it, or will: it doesn't wait for others.</summary>
    public bool IsWaitedFor(SessionId session)
    {
        lock (_lock)
            return _recalled.ContainsKey(session);
    }

    /// <summary>Sessions of which something was recalled so long ago, and is still not returned.</summary>
    internal IReadOnlyList<ClientSession> RecalledFor(TimeSpan atLeast)
    {
        lock (_lock)
        {
            return _recalled.Count == 0
                ? []
                : [.. _tokens.Values.Where(token => token.IsRecalled && time.GetElapsedTime(token.RecalledAt) >= atLeast).Select(static token => token.Holder).Distinct()];
        }
    }

    /// <summary>A life before this one left word that the session may hold tokens.</summary>
    internal void Await(SessionId session)
    {
        lock (_lock)
        {
            _marked.Add(session);
            _unclaimed.Add(session);
            _claimed ??= new FreeSignal();
        }
    }

    /// <summary>The session has said all that it held, or isn't waited for any longer.</summary>
    internal void Claimed(SessionId session)
    {
        lock (_lock)
        {
            if (!_unclaimed.Remove(session) || _unclaimed.Count > 0)
                return;
            _claimed!.End();
            _claimed = null;
        }
    }

    internal bool IsUnclaimed(SessionId session)
    {
        lock (_lock)
            return _unclaimed.Contains(session);
    }

    /// <summary>It is durable, or about to be, that the session may hold tokens.</summary>
    internal void Mark(SessionId session)
    {
        lock (_lock)
            _marked.Add(session);
    }

    /// <summary>Sessions that are marked and hold nothing.</summary>
    internal IReadOnlyList<SessionId> MarkedInVain()
    {
        lock (_lock)
            return [.. _marked.Where(session => !_ofSession.ContainsKey(session) && !_unclaimed.Contains(session))];
    }

    /// <summary>By the writer. True: it holds nothing, and the mark may go.</summary>
    internal bool TryUnmark(SessionId session)
    {
        lock (_lock)
            return !_ofSession.ContainsKey(session) && !_unclaimed.Contains(session) && _marked.Remove(session);
    }

    /// <summary>INVARIANT: each token is its holder's in every index, and counted; who has recalled ones is waited for.</summary>
    public void CheckInvariants()
    {
        _shares.CheckInvariants();
        lock (_lock)
        {
            bool agree = _ofSession.Values.Sum(static fids => fids.Count) == _tokens.Count && _shares.Used == _tokens.Count && _tokens.Count <= most
                && _tokens.All(pair => _ofSession[pair.Value.Holder.Id].Contains(pair.Key) && !pair.Value.Holder.HasEnded)
                && _recalled.Values.Sum() == _tokens.Values.Count(static token => token.IsRecalled) && _recalled.Values.All(static count => count > 0)
                && (_claimed is not null) == (_unclaimed.Count > 0);
            if (!agree)
                throw new InvalidOperationException($"Write tokens: {_tokens.Count} are held, {_shares.Used} counted, {_recalled.Values.Sum()} recalled, {_unclaimed.Count} awaited.");
        }
    }

    /// <param name="recalled">The token, where its holder is to be told.</param>
    private (Task Free, bool IsAnothers)? Ask(SessionId session, Fid fid, out WriteToken? recalled)
    {
        recalled = null;
        _asks.Note(fid, session);
        if (!_tokens.TryGetValue(fid, out WriteToken? token))
            return _claimed is null ? null : (_claimed.Free, false);
        if (token.Holder.Id == session)
            return null;
        if (Begin(token))
            recalled = token;
        return (token.Freed.Free, true);
    }

    /// <summary>False: it was recalled already.</summary>
    private bool Begin(WriteToken token)
    {
        if (token.IsRecalled)
            return false;
        (token.IsRecalled, token.RecalledAt) = (true, time.GetTimestamp());
        _recalled[token.Holder.Id] = _recalled.GetValueOrDefault(token.Holder.Id) + 1;
        Recalls++;
        return true;
    }

    private bool TryAdd(ClientSession session, Fid fid)
    {
        // Who ends, or lapses, is marked so first and drops its tokens then.
        if (session.IsLapsed || session.HasEnded || session.IsWithoutPromises || _tokens.ContainsKey(fid) || !_shares.TryTake(session.Id, 1))
            return false;
        _tokens.Add(fid, new WriteToken(session));
        if (!_ofSession.TryGetValue(session.Id, out HashSet<Fid>? fids))
            _ofSession.Add(session.Id, fids = []);
        fids.Add(fid);
        return true;
    }

    private void Remove(Fid fid)
    {
        _tokens.Remove(fid, out WriteToken? token);
        SessionId session = token!.Holder.Id;
        if (_ofSession[session] is var fids && fids.Remove(fid) && fids.Count == 0)
            _ofSession.Remove(session);
        _shares.GiveBack(session, 1);
        if (token.IsRecalled)
        {
            _asks.NoteRecalled(fid);
            if (--_recalled[session] is var left && left == 0)
                _recalled.Remove(session);
        }
        token.End();
    }
}

/// <summary>One write token. Belongs to the table.</summary>
internal sealed class WriteToken(ClientSession holder)
{
    private FreeSignal? _freed;

    public ClientSession Holder => holder;

    public bool IsRecalled { get; set; }

    public long RecalledAt { get; set; }

    /// <summary>Ends with the token.</summary>
    public FreeSignal Freed => _freed ??= new FreeSignal();

    public void End() => _freed?.End();
}

/// <summary>What those who want a vnode wait for. Nothing of theirs runs where it ends.</summary>
internal sealed class FreeSignal
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _free;

    public Task Free => _free ??= _ended.Task.ContinueHere();

    public void End() => _ended.SetResult();
}

/// <summary>
/// Who asked for which vnode lately: the last session, and when another than that one did. Bounded and lossy: vnodes share places, and one whose place is another's
/// counts as quiet, so that a token may be given too soon; that costs a recall, and nothing else. Under the lock of its table.
/// </summary>
internal sealed class RecentAsks(TimeProvider time)
{
    private const int Places = 4096;

    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(WriteTokens.QuietMs);

    private readonly Ask[] _asks = new Ask[Places];

    public void Note(Fid fid, SessionId session)
    {
        ref Ask ask = ref Place(fid);
        long now = time.GetTimestamp();
        if (ask.Fid != fid)
            ask = new Ask { Fid = fid, Session = session, At = now, OtherAt = long.MinValue, RecalledAt = long.MinValue };
        else if (ask.Session == session)
            ask.At = now;
        else
            (ask.OtherAt, ask.Session, ask.At) = (ask.At, session, now);
    }

    public void NoteRecalled(Fid fid)
    {
        ref Ask ask = ref Place(fid);
        if (ask.Fid != fid)
            ask = new Ask { Fid = fid, At = long.MinValue, OtherAt = long.MinValue };
        ask.RecalledAt = time.GetTimestamp();
    }

    /// <summary>No other session asked for it lately, and nothing was recalled.</summary>
    public bool IsQuiet(Fid fid, SessionId session)
    {
        ref Ask ask = ref Place(fid);
        if (ask.Fid != fid)
            return true;
        return IsPast(ask.RecalledAt) && IsPast(ask.Session == session ? ask.OtherAt : ask.At);
    }

    private bool IsPast(long at) => at == long.MinValue || time.GetElapsedTime(at) >= Quiet;

    private ref Ask Place(Fid fid) => ref _asks[(uint)HashCode.Combine(fid.Volume.Value, fid.Vnode.Value, fid.Uniquifier.Value) % Places];

    private struct Ask
    {
        public Fid Fid;
        public SessionId Session;
        public long At, OtherAt, RecalledAt;
    }
}

/// <summary>Calls that wait for tokens: so many in all, and so many of a session that the calls by which it sends and returns always find a place beside them. Safe for concurrent use.</summary>
internal sealed class TokenWaits
{
    public const int Most = 8192;

    /// <summary>A quarter of the calls that a session may have running (<see cref="RpcLimits.ConcurrentCalls"/>).</summary>
    public const int MostOfSession = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<SessionId, int> _ofSession = [];
    private int _count;

    /// <summary>Waits for what is held by others, and counts as one of the session meanwhile.</summary>
    /// <exception cref="CallPutOffException">There are too many: the call comes again.</exception>
    public async Task WaitAsync(SessionId session, Task free)
    {
        lock (_lock)
        {
            int own = _ofSession.GetValueOrDefault(session);
            if (_count >= Most || own >= MostOfSession)
                throw new CallPutOffException("Too many calls wait for what other clients hold.");
            _ofSession[session] = own + 1;
            _count++;
        }
        try
        {
            await free;
        }
        finally
        {
            lock (_lock)
            {
                _count--;
                if (--_ofSession[session] is var left && left == 0)
                    _ofSession.Remove(session);
            }
        }
    }
}
