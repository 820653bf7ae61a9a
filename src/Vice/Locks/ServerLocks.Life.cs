using Afs.Rpc;
using Afs.Vice.Callbacks;
using Afs.Wire;

namespace Afs.Vice.Locks;

/// <summary>How the table goes with the lives of sessions and of the server: rules 7 and 8, what a time brings, and what must always hold.</summary>
public sealed partial class ServerLocks
{
    /// <summary>Claims what the session held before a restart, or begins anew. Null: it has lost its locks since the call began.</summary>
    /// <param name="fallen">What is to be buried.</param>
    public ReclaimLocksReply? Reclaim(ILockSession session, int falls, ReclaimLocksRequest request, out LockHolder? fallen)
    {
        fallen = null;
        var news = new LockNews();
        ReclaimLocksReply? reply = null;
        lock (_lock)
        {
            if (Find(session, falls) is { } own)
                reply = own.Claim is { } last && last.Number == request.Number ? last.Reply : Reclaim(own, request, news, out fallen);
        }
        Send(news);
        return reply;
    }

    /// <summary>Its lease is over: it has lost all its locks. Others get them once what it stored before is settled and the value is buried. Null: nothing is to be buried.</summary>
    public LockHolder? Fall(ILockSession session)
    {
        var news = new LockNews();
        LockHolder? fallen = null;
        lock (_lock)
        {
            if (_sessions.TryGetValue(session.Id, out SessionLocks? own))
                fallen = Fall(own, news);
            if (own is not null && session.HasEnded)
            {
                _sessions.Remove(session.Id);
                _untold.Remove(own);
            }
            _marked.Remove(session.Id);
            _unmarking.Remove(session.Id);
            Claimed(session.Id, news);
        }
        Send(news);
        return fallen;
    }

    /// <summary>It talks, and keeps others waiting: it loses its locks and is told so.</summary>
    public LockHolder? FallLate(ILockSession session)
    {
        var news = new LockNews();
        LockHolder? fallen = null;
        lock (_lock)
        {
            if (Find(session) is { Current: { } holder } own)
            {
                fallen = Fall(own, news);
                own.TellLost(holder.Fence, time.GetTimestamp());
                BeginTelling(own, news);
            }
        }
        Send(news);
        return fallen;
    }

    /// <summary>All that the holder's session stored before its fall is on stable storage, or never will be.</summary>
    public void Bury(LockHolder holder)
    {
        var news = new LockNews();
        lock (_lock)
        {
            if (!_fallen.Remove(holder))
                return;
            foreach (FileLocks file in holder.Files.ToList())
            {
                if (file.Token?.Holder == holder)
                    RemoveToken(file);
                int before = file.Held.Count;
                file.Held.RemoveAll(held => held.Holder == holder);
                Settle(holder, file.Held.Count - before, 0);
                Grant(file, news);
                Tidy(holder, file);
            }
        }
        Send(news);
    }

    /// <summary>The session has that fence now: it has lost no lock since.</summary>
    public bool IsCurrent(SessionId session, LockFence fence)
    {
        lock (_lock)
            return _sessions.GetValueOrDefault(session)?.Current?.Fence == fence;
    }

    /// <summary>To be called every second or so: who was held back for long enough goes on, and files that nobody wants are free again.</summary>
    public void Sweep()
    {
        var news = new LockNews();
        lock (_lock)
        {
            foreach (FileLocks file in _heldBack.ToList())
                Grant(file, news);
            FreeIdle();
        }
        Send(news);
    }

    /// <summary>Those who were to return a token for so long, and sent nothing meanwhile; and those who were to say for so long that they know a decision.</summary>
    public IReadOnlyList<ILockSession> LateFor(TimeSpan atLeast)
    {
        lock (_lock)
        {
            IEnumerable<ILockSession> holders = _recalled.Select(static file => file.Token!)
                .Where(token => !token.Holder.IsFallen && time.GetElapsedTime(token.RecalledAt!.Value) >= atLeast)
                .Select(static token => token.Holder.Session).Where(session => session.SinceShipped >= atLeast);
            IEnumerable<ILockSession> deaf = _untold.Where(own => own.Current is not null && own.UntoldCount > 0 && time.GetElapsedTime(own.UntoldSince) >= atLeast)
                .Select(static own => own.Session);
            return [.. holders.Concat(deaf).Distinct()];
        }
    }

    /// <summary>A life before this one left word that the session may hold locks.</summary>
    public void Await(SessionId session)
    {
        lock (_lock)
        {
            _marked.Add(session);
            _unclaimed.Add(session);
            _claimed ??= new FreeSignal();
        }
    }

    /// <summary>Nobody waits any longer for what the session held before a restart.</summary>
    public void GiveUpClaims(SessionId session)
    {
        var news = new LockNews();
        lock (_lock)
            Claimed(session, news);
        Send(news);
    }

    /// <summary>Not null: the session has yet to claim what it held. The task ends when all have.</summary>
    public Task? ClaimsOf(SessionId session)
    {
        lock (_lock)
            return _unclaimed.Contains(session) ? _claimed!.Free : null;
    }

    public bool IsMarked(SessionId session)
    {
        lock (_lock)
            return _marked.Contains(session);
    }

    /// <summary>It is durable that the session may hold locks. False: it has lost its locks since the call began, and maybe the mark.</summary>
    public bool Mark(ILockSession session, int falls)
    {
        lock (_lock)
        {
            if (Find(session, falls) is null)
                return false;
            _marked.Add(session.Id);
            return true;
        }
    }

    /// <summary>Sessions that are marked, and have held and asked for nothing for so long.</summary>
    public IReadOnlyList<SessionId> MarkedInVain(TimeSpan atLeast)
    {
        lock (_lock)
            return [.. _marked.Where(session => !MayHold(session) && (!_sessions.TryGetValue(session, out SessionLocks? own) || time.GetElapsedTime(own.UsedAt) >= atLeast))];
    }

    /// <summary>By the writer. True: it holds nothing, and the mark may go.</summary>
    public bool TryUnmark(SessionId session)
    {
        lock (_lock)
            return !MayHold(session) && _marked.Remove(session) && _unmarking.Add(session);
    }

    /// <summary>Whether the transaction that took the mark away is committed. If not it is there still, unless the session has lost its locks, and the mark with them.</summary>
    public void Unmarked(SessionId session, bool isCommitted)
    {
        lock (_lock)
        {
            if (_unmarking.Remove(session) && !isCommitted)
                _marked.Add(session);
        }
    }

    /// <summary>INVARIANT: no two holders conflict; each lock, token, request and decision is its session's, and counted; who waits is known to the graph; nobody who has fallen holds anything but until it is buried.</summary>
    public void CheckInvariants()
    {
        _shares.CheckInvariants();
        lock (_lock)
        {
            foreach (FileLocks file in _files.Values)
            {
                file.CheckInvariants();
                Require(file.Token is null || file.Queue.Count == 0 || file.Token.Holder.IsFallen || file.Token.RecalledAt is not null, "others wait for a token that isn't recalled", file);
                Require((file.Token?.RecalledAt is not null) == _recalled.Contains(file), "a recall isn't noted", file);
                Require(file.IsEmpty == file.IdleSince is not null, "a file is idle or not", file);
                Require(file.Queue.TrueForAll(queued => !queued.Holder.IsFallen && _sessions[queued.Holder.Session.Id].Queued[queued.Number] == queued), "a request waits for nobody", file);
                Require(file.Queue.Count <= 2 * MostQueued && (file.Token is not null || _unclaimed.Count > 0 || file.Queue.TrueForAll(static queued => queued.IsWaiting)), "a request isn't looked at", file);
                Require(file.Held.TrueForAll(held => held.Holder.Files.Contains(file)) && file.Queue.TrueForAll(queued => queued.Holder.Files.Contains(file)), "a holder doesn't know its file", file);
            }
            List<LockHolder> holders = [.. _fallen, .. _sessions.Values.Select(static own => own.Current).OfType<LockHolder>()];
            Require(holders.TrueForAll(holder => holder.IsFallen == _fallen.Contains(holder) && holder.Files.All(file => file.Concerns(holder) && _files[file.Fid] == file)), "a holder has what it hasn't");
            Require(_files.Values.Sum(static file => file.Held.Count) == _held && _files.Values.Sum(static file => file.Queue.Count) == _queued
                && _files.Values.Count(static file => file.Token is not null) == _tokens, "the counts are wrong");
            Require(_waiting.Values.Sum(static waiting => waiting.Count) == _files.Values.Sum(static file => file.Queue.Count(IsInGraph)), "the graph is wrong");
            int kept = _sessions.Values.Sum(static own => own.AnswerCount + own.UntoldCount);
            Require(_shares.Used == kept + _held + _queued + _tokens, $"{_shares.Used} are counted, and there are {kept} + {_held} + {_queued} + {_tokens}");
            Require(_sessions.Values.All(own => (!own.HasNews || own.IsBeingTold) && own.IsBeingTold == _untold.Contains(own)), "nobody tells what is to be told");
            Require(_untold.All(own => _sessions.GetValueOrDefault(own.Id) == own), "somebody who has left is told something");
            Require(_claimed is not null == _unclaimed.Count > 0, "claims are awaited or not");
        }
    }

    private static void Require(bool holds, string what, FileLocks? file = null)
    {
        if (!holds)
            throw new InvalidOperationException($"Locks: {what}{(file is null ? "" : $", file {file.Fid}")}.");
    }

    private bool MayHold(SessionId session) =>
        _unclaimed.Contains(session) || _sessions.TryGetValue(session, out SessionLocks? own) && (own.Calls > 0 || own.Current is { Files.Count: > 0 });

    private ReclaimLocksReply Reclaim(SessionLocks own, ReclaimLocksRequest request, LockNews news, out LockHolder? fallen)
    {
        fallen = null;
        if (request.Number.Value < own.Below)
            return new ReclaimLocksReply { Fence = own.Current?.Fence ?? default, Lost = [] };
        bool isAwaited = _unclaimed.Contains(own.Id);
        _shares.GiveBack(own.Id, own.Advance(request.Number.Next));
        if (!isAwaited)
            fallen = Fall(own, news);
        else if (own.Claim is null)
            BeginClaims(own, request.Fence);
        LockHolder holder = HolderOf(own);
        List<int> lost = [];
        for (int i = 0; i < request.Locks.Count; i++)
        {
            if (!isAwaited || holder.Fence != request.Fence || !TryClaim(own, request.Locks[i], news))
                lost.Add(i);
        }
        var reply = new ReclaimLocksReply { Fence = holder.Fence, Lost = lost };
        own.Claim = (request.Number, reply);
        if (!request.HasMore)
            Claimed(own.Id, news);
        return reply;
    }

    /// <summary>The session is who it was before the restart. A request that came before its claims, under way since that life, was granted nothing, and is void.</summary>
    private void BeginClaims(SessionLocks own, LockFence fence)
    {
        foreach (QueuedLock queued in own.Queued.Values.ToList())
        {
            RemoveQueued(own, queued, queued.File.Queue.IndexOf(queued));
            Tidy(queued.Holder, queued.File);
        }
        own.Current = fence == default ? null : new LockHolder(own.Session, fence);
    }

    /// <summary>All of what is claimed of a file, or nothing.</summary>
    private bool TryClaim(SessionLocks own, ClaimedLocks claimed, LockNews news)
    {
        LockHolder holder = HolderOf(own);
        if (!_files.TryGetValue(claimed.Fid, out FileLocks? file))
            _files.Add(claimed.Fid, file = new FileLocks(claimed.Fid));
        file.IdleSince = null;
        bool isClaimed = claimed.Token != default ? TryClaimToken(holder, file, claimed, news) : TryClaimRanges(own, file, claimed);
        Tidy(holder, file);
        return isClaimed;
    }

    private bool TryClaimToken(LockHolder holder, FileLocks file, ClaimedLocks claimed, LockNews news)
    {
        if (file.Token is { } token)
            return token.Holder == holder && token.Number == claimed.Token;
        if (file.Held.Count > 0 || claimed.Held.Count > 0 || claimed.Waiting.Count > 0 || file.Queue.Exists(queued => queued.Holder == holder) || !_shares.TryTake(holder.Session.Id, 1))
            return false;
        GiveToken(holder, file, claimed.Token);
        BeginRecall(file, news);
        return true;
    }

    private bool TryClaimRanges(SessionLocks own, FileLocks file, ClaimedLocks claimed)
    {
        LockHolder holder = HolderOf(own);
        IEnumerable<LockRange> ofHolder = file.Held.Where(held => held.Holder == holder).Select(static held => held.Range);
        bool isFree = file.Token is null && claimed.Held.All(range => file.FindConflict(holder, range) is null) && FileLocks.AreSound(ofHolder.Concat(claimed.Held));
        bool isNew = claimed.Waiting.All(waiting => !own.Queued.ContainsKey(waiting.Number)) && claimed.Waiting.DistinctBy(static waiting => waiting.Number).Count() == claimed.Waiting.Count;
        // It held them in the life before: its share of the file isn't asked for again.
        bool hasRoom = file.Held.Count + claimed.Held.Count <= 2 * Limits.LocksPerFile && file.Queue.Count + claimed.Waiting.Count <= 2 * MostQueued;
        if (!isFree || !isNew || !hasRoom || !_shares.TryTake(own.Id, claimed.Held.Count + claimed.Waiting.Count))
            return false;
        long now = time.GetTimestamp();
        file.Held.AddRange(claimed.Held.Select(range => new HeldRange(holder, range, now)));
        Settle(holder, claimed.Held.Count, claimed.Held.Count);
        int place = file.Queue.Count(static queued => queued.IsClaimed);
        foreach (WaitingLock waiting in claimed.Waiting)
            Enqueue(own, new QueuedLock(file, holder, waiting.Range, waiting.Number, waits: true, isTest: false, now) { IsClaimed = true }, place++);
        return true;
    }

    private void Claimed(SessionId session, LockNews news)
    {
        if (!_unclaimed.Remove(session) || _unclaimed.Count > 0)
            return;
        _claimed!.End();
        _claimed = null;
        foreach (FileLocks file in _files.Values.Where(static file => file.Queue.Count > 0).ToList())
            Grant(file, news);
    }

    private LockHolder? Fall(SessionLocks own, LockNews news)
    {
        own.Falls++;
        own.Claim = null;
        _shares.GiveBack(own.Id, own.Forget());
        if (own.Current is not { } holder)
            return null;
        (own.Current, holder.IsFallen) = (null, true);
        foreach (QueuedLock queued in own.Queued.Values.ToList())
            RemoveQueued(own, queued, queued.File.Queue.IndexOf(queued));
        foreach (FileLocks file in holder.Files.ToList())
        {
            Grant(file, news);
            Tidy(holder, file);
        }
        if (holder.Files.Count == 0)
            return null;
        Falls++;
        _fallen.Add(holder);
        return holder;
    }

    private void FreeIdle()
    {
        while (_idle.TryPeek(out (FileLocks File, long Since) oldest) && (_idle.Count > MostIdle || time.GetElapsedTime(oldest.Since) >= Quiet))
        {
            _idle.Dequeue();
            if (oldest.File.IdleSince == oldest.Since)
                _files.Remove(oldest.File.Fid);
        }
    }
}
