using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Wire;

namespace Afs.Vice.Locks;

/// <summary>
/// Who holds which lock on which file, over all clients (flock, fcntl and open file description locks). The rules:
/// <list type="number">
/// <item>A file is free, and has no row; or a session has its lock token, and gives locks on it to its own processes without a call; or it is contended, and its ranges and those who wait are known
/// here. The first who locks a free file gets the token. Whoever else asks makes the server recall it, and the file is contended from the token's return on, until nobody has held, waited or asked for
/// <see cref="QuietMs"/>. A session that has all that is held, after as long without others, gets the token too.</item>
/// <item>Two locks conflict if their owners differ and they clash (<see cref="FileLocks"/>). An owner is of a session: two sessions' owners are never one. No two holders ever conflict.</item>
/// <item>Nothing here waits. A request that can't be decided now is queued, and its decision is said later; each that is queued is decided, withdrawn, or lost with its session's locks.</item>
/// <item>Of those that wait, the first that can be granted is granted first. A request that waits doesn't overtake an earlier one that it conflicts with, but for one that has waited for
/// <see cref="HeldBackMs"/>, and one whose owner holds something of the file: on one machine it would be granted, and a program may rely on that, so nobody is held back for ever. A request that doesn't
/// wait looks at what is held, and at nothing else.</item>
/// <item>An fcntl lock is refused (EDEADLK) where it would wait for an owner that waits, directly or through others, for its own: over all files and sessions, as far as this table knows them.</item>
/// <item>A request runs once, whatever is repeated or late (<see cref="SessionLocks"/>).</item>
/// <item>A session loses all its locks at once, and then only: with its lease, its end, or because it kept others waiting. That is a fall. From it on what it stores under the old fence is refused; and
/// once all is on stable storage that was stored before (<see cref="Bury"/>), others are granted what it held.</item>
/// <item>After a restart nobody is granted anything before each session that may have held locks has claimed them, or fell.</item>
/// </list>
/// It owns all of this state. Safe for concurrent use; all methods are short. Belongs to one life of a server.
/// </summary>
/// <param name="most">Locks, tokens, requests that wait, answers and decisions that are kept, in all. Of these a session has its share (<see cref="FairShares{THolder}"/>).</param>
/// <param name="recall">Sends a recall to the holder. Called without the lock; must not wait.</param>
/// <param name="tell">A session is to be told something, and nobody does so yet: see <see cref="NextNews"/>. Called without the lock; must not wait.</param>
public sealed partial class ServerLocks(long most, Epoch epoch, TimeProvider time, Action<ILockSession, LockRecall> recall, Action<ILockSession> tell)
{
    /// <summary>For how long a file is nobody's after a second session asked for it.</summary>
    public const int QuietMs = 2_000;

    /// <summary>For how long a request that conflicts with none that is held waits for those that came before it.</summary>
    public const int HeldBackMs = 1_000;

    /// <summary>Requests that wait for one file. Of these a session has its share.</summary>
    public const int MostQueued = 4_096;

    /// <summary>Files that are remembered as contended though nobody holds or waits. One more, and the oldest is free.</summary>
    public const int MostIdle = 4_096;

    /// <summary>Locks that a search for a circle looks at. One that isn't found within these stays, as on one machine.</summary>
    private const int MostSearched = 1 << 16;

    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(QuietMs), HeldBack = TimeSpan.FromMilliseconds(HeldBackMs);

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, FileLocks> _files = [];
    private readonly Dictionary<SessionId, SessionLocks> _sessions = [];
    private readonly FairShares<SessionId> _shares = new(most);

    /// <summary>Requests that wait for fcntl locks, by owner: the graph of rule 5.</summary>
    private readonly Dictionary<(LockHolder Holder, LockOwner Owner), List<QueuedLock>> _waiting = [];

    private readonly Queue<(FileLocks File, long Since)> _idle = [];
    private readonly HashSet<FileLocks> _heldBack = [];
    private readonly HashSet<FileLocks> _recalled = [];
    private readonly HashSet<SessionLocks> _untold = [];
    private readonly HashSet<LockHolder> _fallen = [];
    private readonly HashSet<SessionId> _marked = [], _unmarking = [];
    private readonly HashSet<SessionId> _unclaimed = [];
    private FreeSignal? _claimed;
    private ulong _lastOrder;
    private ulong _lastFence = epoch.Value << 32, _lastToken = epoch.Value << 32;
    private int _held, _queued, _tokens;

    /// <summary>Ranges that are held, and known here; requests that wait; tokens that are held.</summary>
    public (int Held, int Queued, int Tokens) Counts
    {
        get
        {
            lock (_lock)
                return (_held, _queued, _tokens);
        }
    }

    /// <summary>Files that aren't free, or were not a moment ago.</summary>
    public int FileCount
    {
        get
        {
            lock (_lock)
                return _files.Count;
        }
    }

    /// <summary>Recalls sent since the server's start.</summary>
    public long Recalls { get; private set; }

    /// <summary>Times that a session lost locks.</summary>
    public long Falls { get; private set; }

    /// <summary>A call begins that may give the session something, until <see cref="End"/>. The value goes with it. Null: its lease is over, or itself.</summary>
    public int? Begin(ILockSession session)
    {
        lock (_lock)
        {
            if (session.HasEnded || session.IsLapsed)
                return null;
            if (!_sessions.TryGetValue(session.Id, out SessionLocks? own))
                _sessions.Add(session.Id, own = new SessionLocks(session));
            own.Calls++;
            own.UsedAt = time.GetTimestamp();
            return own.Falls;
        }
    }

    public void End(ILockSession session)
    {
        lock (_lock)
        {
            if (_sessions.TryGetValue(session.Id, out SessionLocks? own))
                own.Calls--;
        }
    }

    /// <summary>Locks, unlocks or tests. Null: the session has lost its locks since the call began.</summary>
    /// <param name="falls">Of <see cref="Begin"/>.</param>
    public SetLockReply? Set(ILockSession session, int falls, SetLockRequest request)
    {
        var news = new LockNews();
        SetLockReply? reply;
        lock (_lock)
            reply = Find(session, falls) is { } own ? Set(own, request, news) : null;
        Send(news);
        return reply;
    }

    /// <summary>True: the request doesn't wait, and will not. False: it was decided.</summary>
    public bool Withdraw(ILockSession session, int falls, WithdrawLockRequest request)
    {
        var news = new LockNews();
        bool isWithdrawn = true;
        lock (_lock)
        {
            if (Find(session, falls) is { } own)
                isWithdrawn = Withdraw(own, request.Number, news);
        }
        Send(news);
        return isWithdrawn;
    }

    /// <summary>A holder gives a token back. False: no correct client says so, or there is no room; the token stays.</summary>
    public bool Return(ILockSession session, int falls, ReturnLocksRequest request)
    {
        var news = new LockNews();
        bool isSound = true;
        lock (_lock)
        {
            if (Find(session, falls) is { Current: { } holder } own && _files.TryGetValue(request.Fid, out FileLocks? file)
                && file.Token is { } token && token.Holder == holder && token.Number == request.Token)
            {
                isSound = TakePart(token, request) && (request.HasMore || TryReturn(own, file, token.Returned!, news));
                if (!isSound)
                    token.Returned = null;
            }
        }
        Send(news);
        return isSound;
    }

    /// <summary>Who holds and who waits; the one that has the token, null where nobody does.</summary>
    public IReadOnlyList<ShownLock> Show(Fid fid, ILockSession asker, out ILockSession? tokenHolder)
    {
        lock (_lock)
        {
            tokenHolder = null;
            if (!_files.TryGetValue(fid, out FileLocks? file))
                return [];
            tokenHolder = file.Token?.Holder.Session;
            ShownLock Shown(LockHolder holder, LockRange range, long since, bool isHeld) => new()
            {
                Range = range,
                IsHeld = isHeld,
                Client = holder.Session.Name,
                IsOwn = holder.Session == asker,
                AgeMs = (long)time.GetElapsedTime(since).TotalMilliseconds,
            };
            return [.. file.Held.Select(held => Shown(held.Holder, held.Range, held.Since, true)),
                .. file.Queue.Where(static queued => !queued.IsTest).Select(queued => Shown(queued.Holder, queued.Range, queued.Since, false))];
        }
    }

    /// <summary>What a session is to be told now. Null: nothing, and whoever brought it has ended.</summary>
    public LocksDecidedRequest? NextNews(ILockSession session)
    {
        lock (_lock)
        {
            if (!_sessions.TryGetValue(session.Id, out SessionLocks? own))
                return null;
            if (!session.IsLapsed && own.NextNews() is { } next)
                return next;
            own.IsBeingTold = false;
            _untold.Remove(own);
            return null;
        }
    }

    /// <summary>The client has answered what <see cref="NextNews"/> said.</summary>
    public void Told(ILockSession session, LocksDecidedRequest said)
    {
        lock (_lock)
        {
            if (Find(session) is { } own)
                _shares.GiveBack(own.Id, own.Told(said, time.GetTimestamp()));
        }
    }

    private SessionLocks? Find(ILockSession session, int? falls = null) =>
        _sessions.TryGetValue(session.Id, out SessionLocks? own) && !session.HasEnded && !session.IsLapsed && (falls is null || own.Falls == falls) ? own : null;

    private LockHolder HolderOf(SessionLocks own) => own.Current ??= new LockHolder(own.Session, new LockFence(++_lastFence));

    private SetLockReply Set(SessionLocks own, SetLockRequest request, LockNews news)
    {
        _shares.GiveBack(own.Id, own.Advance(request.AnsweredBelow));
        if (own.FindAnswer(request.Number) is { } answered)
            return answered;
        if (own.IsTooFar(request.Number))
            return new SetLockReply { Verdict = LockVerdict.TooMany };
        // Who lets go is not refused for the room that the answer needs: there are no more of these than numbers reach.
        if (request.Range.Mode == LockMode.Unlock)
            _shares.Take(own.Id, 1);
        else if (!_shares.TryTake(own.Id, 1))
            return new SetLockReply { Verdict = LockVerdict.TooMany };
        // Before what follows from it for others.
        ulong order = ++_lastOrder;
        SetLockReply answer = Decide(own, request, news) with { Fence = HolderOf(own).Fence, Order = order };
        own.Remember(request.Number, answer);
        return answer;
    }

    private SetLockReply Decide(SessionLocks own, SetLockRequest request, LockNews news)
    {
        LockHolder holder = HolderOf(own);
        bool isUnlock = request.Range.Mode == LockMode.Unlock;
        if (!_files.TryGetValue(request.Fid, out FileLocks? file))
        {
            if (isUnlock || request.IsTest && _unclaimed.Count == 0)
                return new SetLockReply { Verdict = LockVerdict.Granted };
            _files.Add(request.Fid, file = new FileLocks(request.Fid));
        }
        file.IdleSince = null;
        SetLockReply answer = file.Token is { } token && token.Holder == holder ? new SetLockReply { Verdict = LockVerdict.IsHolders, Token = token.Number }
            : isUnlock ? Unlock(holder, file, request.Range, news)
            : Lock(own, file, request, news);
        Tidy(holder, file);
        return answer;
    }

    private SetLockReply Unlock(LockHolder holder, FileLocks file, LockRange range, LockNews news)
    {
        int room = file.WouldSplit(holder, range) ? 1 : 0;
        if (!TryReserve(holder, file, room))
            return new SetLockReply { Verdict = LockVerdict.TooMany };
        if (Cut(holder, file, range, room))
            Grant(file, news);
        return new SetLockReply { Verdict = LockVerdict.Granted };
    }

    private SetLockReply Lock(SessionLocks own, FileLocks file, SetLockRequest request, LockNews news)
    {
        long now = time.GetTimestamp();
        file.NoteAsk(own.Id, now);
        var asked = new QueuedLock(file, HolderOf(own), request.Range, request.Number, request.Waits, request.IsTest, now);
        LockConflict? conflict = null;
        bool isFreed = false;
        LockVerdict verdict = file.Token is null && _unclaimed.Count == 0 ? Try(asked, file.Queue.Count, out conflict, out isFreed) : LockVerdict.Queued;
        if (verdict == LockVerdict.Queued && !TryEnqueue(own, asked, isWaiting: file.Token is null && _unclaimed.Count == 0))
            verdict = LockVerdict.TooMany;
        if (isFreed)
            Grant(file, news);
        BeginRecall(file, news);
        bool takesToken = verdict == LockVerdict.Granted && !request.IsTest && TryGiveToken(own, file, now);
        return new SetLockReply { Verdict = verdict, Token = takesToken ? file.Token!.Number : default, Conflict = conflict };
    }

    /// <summary>Rule 1. What the session holds of the file is the client's to know from here on: so none of it is yet to be told.</summary>
    private bool TryGiveToken(SessionLocks own, FileLocks file, long now)
    {
        LockHolder holder = HolderOf(own);
        bool isQuiet = file.OthersAskedAt == long.MinValue || time.GetElapsedTime(file.OthersAskedAt, now) >= Quiet;
        if (!isQuiet || own.Session.IsWithoutPromises || file.Queue.Count > 0 || own.IsUntoldOf(file.Fid) || !file.Held.TrueForAll(held => held.Holder == holder) || !_shares.TryTake(own.Id, 1))
            return false;
        int before = file.Held.Count;
        file.Held.Clear();
        Settle(holder, -before, 0);
        GiveToken(holder, file, new LockTokenNumber(++_lastToken));
        return true;
    }

    private void GiveToken(LockHolder holder, FileLocks file, LockTokenNumber number)
    {
        file.Token = new LockToken(holder, number);
        _tokens++;
    }

    private void RemoveToken(FileLocks file)
    {
        _shares.GiveBack(file.Token!.Holder.Session.Id, 1);
        _tokens--;
        _recalled.Remove(file);
        file.Token = null;
        file.NoteReturn(time.GetTimestamp());
    }

    /// <summary>Where others want what a token keeps from them.</summary>
    private void BeginRecall(FileLocks file, LockNews news)
    {
        if (file.Token is not { RecalledAt: null } token || file.Queue.Count == 0)
            return;
        token.RecalledAt = time.GetTimestamp();
        _recalled.Add(file);
        Recalls++;
        if (!token.Holder.IsFallen)
            news.Recall(token.Holder.Session, new LockRecall(file.Fid, token.Number));
    }

    /// <summary>What becomes of a request at this moment, where all that is held is known. Queued: it waits.</summary>
    /// <param name="place">How many stand before it.</param>
    /// <param name="isFreed">Something that was held isn't any more: others are to be looked at.</param>
    private LockVerdict Try(QueuedLock asked, int place, out LockConflict? conflict, out bool isFreed)
    {
        (FileLocks file, LockHolder holder, LockRange range) = (asked.File, asked.Holder, asked.Range);
        isFreed = false;
        if (range.IsFlock && !asked.IsTest && !asked.IsWaiting)
        {
            conflict = null;
            if (file.Held.Exists(held => held.IsOf(holder, range.Owner) && held.Range.IsFlock && held.Range.Mode == range.Mode))
                return LockVerdict.Granted;
            // One that changes its mode is let go first, and lost if the new one isn't granted (fs/locks.c, flock_lock_inode).
            isFreed = Cut(holder, file, range, 0);
        }
        HeldRange? found = file.FindConflict(holder, range);
        conflict = found is { } other ? new LockConflict(other.Range, other.Holder == holder) : null;
        if (asked.IsTest)
            return found is null ? LockVerdict.Granted : LockVerdict.Conflict;
        if (found is null && asked.Waits && IsHeldBack(asked, place))
        {
            _heldBack.Add(file);
            return LockVerdict.Queued;
        }
        if (found is null)
            return TryHold(asked, ref isFreed);
        if (!asked.Waits)
            return LockVerdict.Conflict;
        if (!asked.IsWaiting && !range.IsFlock && WouldDeadlock(asked))
            return LockVerdict.Deadlock;
        conflict = null;
        return LockVerdict.Queued;
    }

    private LockVerdict TryHold(QueuedLock asked, ref bool isFreed)
    {
        // Itself, and what is left of one that it splits.
        const int Room = 2;
        int before = asked.File.Held.Count;
        if (!TryReserve(asked.Holder, asked.File, Room))
            return LockVerdict.TooMany;
        isFreed |= asked.File.Hold(asked.Holder, asked.Range, time.GetTimestamp());
        Settle(asked.Holder, asked.File.Held.Count - before, Room);
        return LockVerdict.Granted;
    }

    /// <summary>Rule 4: it would be granted, and somebody came before it for whom it would be in the way.</summary>
    private bool IsHeldBack(QueuedLock asked, int place)
    {
        if (time.GetElapsedTime(asked.Since) >= HeldBack)
            return false;
        FileLocks file = asked.File;
        bool isBehind = false;
        for (int i = 0; i < place && !isBehind; i++)
        {
            QueuedLock earlier = file.Queue[i];
            bool isOwn = earlier.Holder == asked.Holder && earlier.Range.Owner == asked.Range.Owner;
            isBehind = earlier.Waits && !earlier.IsTest && !isOwn && FileLocks.Clash(earlier.Range, asked.Range);
        }
        return isBehind && !file.Held.Exists(held => held.IsOf(asked.Holder, asked.Range.Owner) && held.Range.IsFlock == asked.Range.IsFlock);
    }

    /// <summary>Rule 5: follows the waits, beginning with the owners that this request would wait for. True: they lead back to its own owner.</summary>
    private bool WouldDeadlock(QueuedLock asked)
    {
        (LockHolder Holder, LockOwner Owner) self = (asked.Holder, asked.Range.Owner);
        if (!_waiting.Keys.Any(key => key != self))
            return false;
        HashSet<(LockHolder, LockOwner)> seen = [];
        Stack<QueuedLock> next = new([asked]);
        int searched = 0;
        while (next.TryPop(out QueuedLock? waiting))
        {
            foreach (HeldRange held in waiting.File.Held)
            {
                if (++searched > MostSearched)
                    return false;
                if (held.IsOf(waiting.Holder, waiting.Range.Owner) || !FileLocks.Clash(held.Range, waiting.Range))
                    continue;
                (LockHolder, LockOwner) owner = (held.Holder, held.Range.Owner);
                if (owner == self)
                    return true;
                if (seen.Add(owner) && _waiting.TryGetValue(owner, out List<QueuedLock>? theirs))
                    theirs.ForEach(next.Push);
            }
        }
        return false;
    }

    /// <summary>Rule 4, wherever something may have become free: those in line are looked at in their order.</summary>
    private void Grant(FileLocks file, LockNews news)
    {
        _heldBack.Remove(file);
        if (file.Token is not null || _unclaimed.Count > 0)
            return;
        bool mayCircle = false;
        for (int i = 0; i < file.Queue.Count;)
        {
            QueuedLock first = file.Queue[i];
            LockVerdict verdict = Try(first, i, out LockConflict? conflict, out bool isFreed);
            if (verdict == LockVerdict.Queued)
                BeginWaiting(first);
            else
                Decided(i, first, verdict, conflict, news);
            mayCircle |= verdict == LockVerdict.Granted && _waiting.ContainsKey((first.Holder, first.Range.Owner));
            // To grant one may free another, where it replaces a lock for writing: so the search begins anew.
            i = isFreed ? 0 : verdict == LockVerdict.Queued ? i + 1 : i;
        }
        if (mayCircle)
            BreakCircles(file, news);
    }

    /// <summary>An owner that waits elsewhere got something here: those who wait for it may now wait for themselves.</summary>
    private void BreakCircles(FileLocks file, LockNews news)
    {
        for (int i = file.Queue.Count - 1; i >= 0; i--)
        {
            QueuedLock queued = file.Queue[i];
            if (IsInGraph(queued) && WouldDeadlock(queued))
                Decided(i, queued, LockVerdict.Deadlock, null, news);
        }
    }

    private void Decided(int place, QueuedLock queued, LockVerdict verdict, LockConflict? conflict, LockNews news)
    {
        SessionLocks own = _sessions[queued.Holder.Session.Id];
        RemoveQueued(own, queued, place);
        // Its place among what the session has is the decision's from here on.
        _shares.Take(own.Id, 1);
        own.Tell(new LockDecision { Fid = queued.File.Fid, Number = queued.Number, Verdict = verdict, Conflict = conflict, Fence = queued.Holder.Fence, Order = ++_lastOrder }, time.GetTimestamp());
        BeginTelling(own, news);
        Tidy(queued.Holder, queued.File);
    }

    private void BeginTelling(SessionLocks own, LockNews news)
    {
        if (own.IsBeingTold)
            return;
        own.IsBeingTold = true;
        _untold.Add(own);
        news.Tell(own.Session);
    }

    private bool TryEnqueue(SessionLocks own, QueuedLock asked, bool isWaiting)
    {
        List<QueuedLock> queue = asked.File.Queue;
        int ofSession = queue.Count(queued => queued.Holder == asked.Holder);
        if (ofSession >= MostQueued - queue.Count || own.Queued.ContainsKey(asked.Number) || !_shares.TryTake(own.Id, 1))
            return false;
        Enqueue(own, asked, queue.Count);
        if (isWaiting)
            BeginWaiting(asked);
        return true;
    }

    private void Enqueue(SessionLocks own, QueuedLock asked, int place)
    {
        asked.File.Queue.Insert(place, asked);
        own.Queued.Add(asked.Number, asked);
        _queued++;
    }

    private static bool IsInGraph(QueuedLock queued) => queued.IsWaiting && !queued.Range.IsFlock;

    private void BeginWaiting(QueuedLock queued)
    {
        if (queued.IsWaiting)
            return;
        queued.IsWaiting = true;
        if (queued.Range.IsFlock)
            return;
        (LockHolder, LockOwner) key = (queued.Holder, queued.Range.Owner);
        if (!_waiting.TryGetValue(key, out List<QueuedLock>? ofOwner))
            _waiting.Add(key, ofOwner = []);
        ofOwner.Add(queued);
    }

    private void RemoveQueued(SessionLocks own, QueuedLock queued, int place)
    {
        queued.File.Queue.RemoveAt(place);
        own.Queued.Remove(queued.Number);
        _queued--;
        _shares.GiveBack(own.Id, 1);
        (LockHolder, LockOwner) key = (queued.Holder, queued.Range.Owner);
        if (IsInGraph(queued) && _waiting[key] is var ofOwner && ofOwner.Remove(queued) && ofOwner.Count == 0)
            _waiting.Remove(key);
    }

    private bool Withdraw(SessionLocks own, LockNumber number, LockNews news)
    {
        if (own.Queued.TryGetValue(number, out QueuedLock? queued))
        {
            FileLocks file = queued.File;
            RemoveQueued(own, queued, file.Queue.IndexOf(queued));
            Grant(file, news);
            Tidy(queued.Holder, file);
            return true;
        }
        if (own.IsUntold(number))
            return false;
        if (own.FindAnswer(number) is { } answered)
            return number.Value < own.Below || answered.Verdict is LockVerdict.Queued or LockVerdict.Late;
        // It may still come. There are no more of these than numbers reach.
        if (!own.IsTooFar(number))
        {
            _shares.Take(own.Id, 1);
            own.Remember(number, new SetLockReply { Verdict = LockVerdict.Late });
        }
        return true;
    }

    private static bool TakePart(LockToken token, ReturnLocksRequest request)
    {
        if (request.Part == 0)
            token.Returned = new ReturnedLocks();
        if (token.Returned is not { } returned || returned.Parts != request.Part)
            return false;
        returned.Parts++;
        returned.Held.AddRange(request.Held);
        returned.Waiting.AddRange(request.Waiting);
        return returned.Held.Count <= Limits.LocksPerFile && returned.Waiting.Count <= MostQueued;
    }

    /// <summary>What the holder's processes have is known here from now on.</summary>
    private bool TryReturn(SessionLocks own, FileLocks file, ReturnedLocks returned, LockNews news)
    {
        LockHolder holder = HolderOf(own);
        long now = time.GetTimestamp();
        if (!FileLocks.AreSound(returned.Held) || !_shares.TryTake(own.Id, returned.Held.Count + returned.Waiting.Count))
            return false;
        RemoveToken(file);
        file.Held.AddRange(returned.Held.Select(range => new HeldRange(holder, range, now)));
        Settle(holder, returned.Held.Count, returned.Held.Count);
        int place = 0;
        foreach (WaitingLock waiting in returned.Waiting)
        {
            // One that was withdrawn, or has this number already, is nobody's wish.
            if (own.Queued.ContainsKey(waiting.Number) || own.FindAnswer(waiting.Number) is { Verdict: LockVerdict.Late } && waiting.Number.Value >= own.Below)
                _shares.GiveBack(own.Id, 1);
            else
                Enqueue(own, new QueuedLock(file, holder, waiting.Range, waiting.Number, waits: true, isTest: false, now), place++);
        }
        Grant(file, news);
        Tidy(holder, file);
        return true;
    }

    /// <summary>After whatever a holder did to a file, or lost.</summary>
    private void Tidy(LockHolder holder, FileLocks file)
    {
        if (file.Concerns(holder))
            holder.Files.Add(file);
        else
            holder.Files.Remove(file);
        if (!file.IsEmpty || file.IdleSince is not null)
            return;
        if (file.OthersAskedAt == long.MinValue)
        {
            _files.Remove(file.Fid);
            return;
        }
        long now = time.GetTimestamp();
        file.IdleSince = now;
        _idle.Enqueue((file, now));
        FreeIdle();
    }

    /// <summary>Room for so many more ranges. What isn't used of it is given back by <see cref="Settle"/>.</summary>
    private bool TryReserve(LockHolder holder, FileLocks file, int room)
    {
        if (room == 0)
            return true;
        int ofHolder = file.Held.Count(held => held.Holder == holder);
        return ofHolder + room <= Limits.LocksPerFile - file.Held.Count && _shares.TryTake(holder.Session.Id, room);
    }

    private void Settle(LockHolder holder, int added, int room)
    {
        _held += added;
        _shares.GiveBack(holder.Session.Id, room - added);
    }

    private bool Cut(LockHolder holder, FileLocks file, in LockRange range, int room)
    {
        int before = file.Held.Count;
        bool any = file.Cut(holder, range);
        Settle(holder, file.Held.Count - before, room);
        return any;
    }

    private void Send(LockNews news)
    {
        news.Recalls?.ForEach(one => recall(one.Holder, one.Recall));
        news.Told?.ForEach(tell);
    }
}

/// <summary>A session, as the table of locks sees it.</summary>
public interface ILockSession
{
    SessionId Id { get; }

    /// <summary>How its client is shown to people.</summary>
    string Name { get; }

    /// <summary>Its lease has ended. Set before its locks fall.</summary>
    bool IsLapsed { get; }

    /// <summary>It is gone for good. Set before its locks fall.</summary>
    bool HasEnded { get; }

    /// <summary>It kept others waiting, and gets no token.</summary>
    bool IsWithoutPromises { get; }

    /// <summary>Since it last sent something of what it did under a token, or returned a part of one.</summary>
    TimeSpan SinceShipped { get; }
}

/// <summary>What is to be sent once the table's lock is left.</summary>
internal sealed class LockNews
{
    public List<(ILockSession Holder, LockRecall Recall)>? Recalls { get; private set; }

    public List<ILockSession>? Told { get; private set; }

    public void Recall(ILockSession holder, LockRecall recall) => (Recalls ??= []).Add((holder, recall));

    public void Tell(ILockSession session) => (Told ??= []).Add(session);
}
