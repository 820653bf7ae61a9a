using Afs.Vice.Locks;
using Afs.Vice.Tests.Harness;
using Afs.Wire;
using static Afs.Vice.Tests.Harness.LockSession;

namespace Afs.Vice.Tests;

/// <summary>The rules of locks that hold in the cell, at the table alone.</summary>
public class LockTableTests
{
    private static readonly Fid F = LockBench.File(1), G = LockBench.File(2);

    private readonly LockBench _bench = new();
    private readonly LockSession _a, _b, _c;

    public LockTableTests() => (_a, _b, _c) = (_bench.NewSession(), _bench.NewSession(), _bench.NewSession());

    [Fact]
    public void Who_locks_a_free_file_gets_its_token_and_decides_by_itself()
    {
        SetLockReply first = _a.Set(F, Range(1, LockMode.Write));
        Assert.Equal(LockVerdict.Granted, first.Verdict);
        Assert.NotEqual(default, first.Token);
        Assert.NotEqual(default, first.Fence);
        SetLockReply second = _a.Set(F, Range(2, LockMode.Write));
        Assert.Equal((LockVerdict.IsHolders, first.Token, first.Fence), (second.Verdict, second.Token, second.Fence));
        Assert.Equal((0, 0, 1), _bench.Locks.Counts);
        Assert.NotEqual(first.Token, _a.Set(G, Range(1, LockMode.Read)).Token);
    }

    [Fact]
    public void To_let_go_or_to_test_where_nobody_holds_takes_no_token()
    {
        Assert.Equal(LockVerdict.Granted, _a.Unlock(F, 1));
        Assert.Equal(LockVerdict.Granted, _a.Set(F, Range(1, LockMode.Write), isTest: true).Verdict);
        Assert.Equal((0, 0, 0), _bench.Locks.Counts);
    }

    [Fact]
    public void Another_recalls_the_token_once_and_is_decided_when_it_is_returned()
    {
        SetLockReply first = _a.Set(F, Range(1, LockMode.Write, 0, 9));
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 1, LockMode.Write, 5, 5));
        LockNumber waits = _b.Last;
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 2, LockMode.Write, 20, 29, waits: false));
        LockNumber tries = _b.Last;
        Assert.Equal(LockVerdict.Queued, _c.Set(F, Range(3, LockMode.Read), isTest: true).Verdict);
        Assert.Equal([new LockRecall(F, first.Token)], _a.Recalls);
        Assert.Empty(_b.Hear());
        Assert.True(_a.Return(F, first.Token, [Range(1, LockMode.Write, 0, 9)]));
        LockDecision granted = Assert.Single(_b.Hear());
        Assert.Equal((tries, LockVerdict.Granted), (granted.Number, granted.Verdict));
        LockDecision tested = Assert.Single(_c.Hear());
        Assert.Equal((LockVerdict.Conflict, Range(1, LockMode.Write, 0, 9), false), (tested.Verdict, tested.Conflict!.Value.Range, tested.Conflict.Value.IsOwn));
        Assert.Equal(LockVerdict.Granted, _a.Unlock(F, 1));
        LockDecision late = Assert.Single(_b.Hear());
        Assert.Equal((waits, LockVerdict.Granted), (late.Number, late.Verdict));
    }

    [Fact]
    public void A_token_is_returned_with_nothing_where_nothing_is_held()
    {
        SetLockReply first = _a.Set(F, Range(1, LockMode.Write));
        _b.Lock(F, 1, LockMode.Write);
        Assert.True(_a.Return(F, first.Token, []));
        Assert.Equal(LockVerdict.Granted, Assert.Single(_b.Hear()).Verdict);
        Assert.Equal((1, 0, 0), _bench.Locks.Counts);
    }

    [Fact]
    public void A_return_of_a_token_that_is_not_held_does_nothing()
    {
        SetLockReply first = _a.Set(F, Range(1, LockMode.Write));
        Assert.True(_b.Return(F, first.Token, [Range(1, LockMode.Write)]));
        Assert.True(_a.Return(F, new LockTokenNumber(first.Token.Value + 1), []));
        Assert.True(_a.Return(G, first.Token, []));
        Assert.Equal((0, 0, 1), _bench.Locks.Counts);
        Assert.True(_a.Return(F, first.Token, []));
        _bench.Pass(ServerLocks.QuietMs);
        SetLockReply again = _a.Set(F, Range(1, LockMode.Write));
        Assert.NotEqual(first.Token, again.Token);

        // The late copy of the first return, which says that nothing is held.
        Assert.True(_a.Return(F, first.Token, []));
        Assert.Equal((0, 0, 1), _bench.Locks.Counts);
    }

    [Fact]
    public void A_long_return_comes_in_parts_and_counts_with_the_last()
    {
        SetLockReply first = _a.Set(F, Range(1, LockMode.Write));
        _b.Lock(F, 1, LockMode.Write, 0, 0);
        _b.Lock(F, 2, LockMode.Write, 100, 100);
        ReturnLocksRequest Part(int part, bool hasMore, ulong at) => new() { Fid = F, Token = first.Token, Part = part, HasMore = hasMore, Held = [Range(1, LockMode.Write, at, at)], Waiting = [] };
        Assert.False(_a.Return(Part(1, true, 7)));
        Assert.True(_a.Return(Part(0, true, 9)));
        Assert.True(_a.Return(Part(0, true, 0)));
        Assert.False(_a.Return(Part(2, false, 1)));
        Assert.True(_a.Return(Part(0, true, 0)));
        Assert.Empty(_b.Hear());
        Assert.True(_a.Return(Part(1, false, 1)));
        Assert.Equal(new LockNumber(2), Assert.Single(_b.Hear()).Number);
        Assert.Equal([0UL, 1UL], _a.Shown(F).Where(static shown => shown is { IsHeld: true, IsOwn: true }).Select(static shown => shown.Range.Start));
    }

    [Fact]
    public void What_no_holder_can_hold_is_not_taken()
    {
        SetLockReply first = _a.Set(F, Range(1, LockMode.Write));
        Assert.False(_a.Return(F, first.Token, [Range(1, LockMode.Write, 0, 5), Range(2, LockMode.Read, 5, 9)]));
        Assert.False(_a.Return(F, first.Token, [Range(2, LockMode.Read, 5, 9), Range(1, LockMode.Write, 0, 5)]));
        Assert.False(_a.Return(F, first.Token, [Range(1, LockMode.Read, 0, 5), Range(1, LockMode.Read, 5, 9)]));
        Assert.False(_a.Return(F, first.Token, [Range(1, LockMode.Read, 0, 90), Range(2, LockMode.Read, 0, 50), Range(3, LockMode.Read, 0, 3), Range(2, LockMode.Write, 60, 61)]));
        Assert.True(_a.Return(F, first.Token, [Range(1, LockMode.Read, 0, 5), Range(2, LockMode.Read, 3, 9), Range(2, LockMode.Write, 0, ulong.MaxValue, isFlock: true), Range(1, LockMode.Write, 10, 10)]));
    }

    [Theory]
    [InlineData(LockMode.Read, false, 0, LockMode.Read, false, 0, true)]
    [InlineData(LockMode.Read, false, 0, LockMode.Write, false, 0, false)]
    [InlineData(LockMode.Write, false, 0, LockMode.Read, false, 0, false)]
    [InlineData(LockMode.Write, false, 0, LockMode.Write, false, 0, false)]
    [InlineData(LockMode.Write, false, 0, LockMode.Write, false, 10, true)]
    [InlineData(LockMode.Write, false, 0, LockMode.Write, false, 9, false)]
    [InlineData(LockMode.Write, true, 0, LockMode.Write, true, 0, false)]
    [InlineData(LockMode.Read, true, 0, LockMode.Read, true, 0, true)]
    [InlineData(LockMode.Write, true, 0, LockMode.Write, false, 0, true)]
    [InlineData(LockMode.Write, false, 0, LockMode.Write, true, 0, true)]
    public void Two_owners_locks_conflict_if_they_overlap_and_one_is_for_writing(LockMode held, bool heldIsFlock, ulong at, LockMode wanted, bool wantedIsFlock, ulong from, bool isFree)
    {
        LockRange first = heldIsFlock ? Range(1, held, isFlock: true) : Range(1, held, at, 9);
        _a.Contend(F, _b, first);
        LockRange second = wantedIsFlock ? Range(1, wanted, isFlock: true) : Range(1, wanted, from, 12);
        Assert.Equal(isFree ? LockVerdict.Granted : LockVerdict.Conflict, _b.Set(F, second, isTest: true).Verdict);
        SetLockReply reply = _b.Set(F, second, waits: false);
        Assert.Equal(isFree ? LockVerdict.Granted : LockVerdict.Conflict, reply.Verdict);
        Assert.Equal(isFree ? null : new LockConflict(first, IsOwn: false), reply.Conflict);
    }

    [Fact]
    public void Owners_of_one_session_exclude_each_other_too()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write));
        SetLockReply reply = _a.Set(F, Range(2, LockMode.Read), waits: false);
        Assert.Equal((LockVerdict.Conflict, true), (reply.Verdict, reply.Conflict!.Value.IsOwn));
    }

    [Fact]
    public void A_new_lock_replaces_what_its_owner_held_there()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write, 0, 99));
        Assert.Equal(LockVerdict.Granted, _a.Lock(F, 1, LockMode.Read, 10, 19));
        Assert.Equal(LockVerdict.Granted, _b.Lock(F, 1, LockMode.Read, 12, 13, waits: false));
        Assert.Equal(LockVerdict.Conflict, _a.Lock(F, 1, LockMode.Write, 10, 19, waits: false));
        Assert.Equal(LockVerdict.Granted, _b.Unlock(F, 1));
        Assert.Equal(LockVerdict.Granted, _a.Lock(F, 1, LockMode.Write, 10, 19, waits: false));
        Assert.Equal([(0UL, 99UL)], _a.Shown(F).Select(static shown => (shown.Range.Start, shown.Range.End)));
        Assert.Equal(LockVerdict.Granted, _a.Unlock(F, 1, 40, 49));
        Assert.Equal([(0UL, 39UL), (50UL, 99UL)], _a.Shown(F).Select(static shown => (shown.Range.Start, shown.Range.End)).Order());
        Assert.Equal(LockVerdict.Granted, _a.Unlock(F, 1, 90, ulong.MaxValue));
        Assert.Equal(LockVerdict.Granted, _b.Lock(F, 1, LockMode.Write, 90, ulong.MaxValue, waits: false));
    }

    [Fact]
    public void To_downgrade_lets_readers_in()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write));
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 1, LockMode.Read));
        Assert.Equal(LockVerdict.Granted, _a.Lock(F, 1, LockMode.Read));
        Assert.Equal(LockVerdict.Granted, Assert.Single(_b.Hear()).Verdict);
    }

    [Fact]
    public void An_flock_that_changes_its_mode_is_let_go_first()
    {
        _a.Contend(F, _b, Range(1, LockMode.Read, isFlock: true));
        Assert.Equal(LockVerdict.Granted, _b.Lock(F, 1, LockMode.Read, isFlock: true));
        Assert.Equal(LockVerdict.Queued, _c.Lock(F, 1, LockMode.Write, isFlock: true));
        Assert.Equal(LockVerdict.Conflict, _a.Lock(F, 1, LockMode.Write, waits: false, isFlock: true));
        Assert.Empty(_c.Hear());
        Assert.Equal(LockVerdict.Granted, _b.Unlock(F, 1, isFlock: true));
        Assert.Equal(LockVerdict.Granted, Assert.Single(_c.Hear()).Verdict);
    }

    [Fact]
    public void Two_who_upgrade_an_flock_wait_for_each_other_and_not_for_ever()
    {
        _a.Contend(F, _b, Range(1, LockMode.Read, isFlock: true));
        _b.Lock(F, 1, LockMode.Read, isFlock: true);
        Assert.Equal(LockVerdict.Queued, _a.Lock(F, 1, LockMode.Write, isFlock: true));
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 1, LockMode.Write, isFlock: true));
        Assert.Equal(LockVerdict.Granted, Assert.Single(_a.Hear()).Verdict);
        _a.Unlock(F, 1, isFlock: true);
        Assert.Equal(LockVerdict.Granted, Assert.Single(_b.Hear()).Verdict);
    }

    [Fact]
    public void The_first_that_can_be_granted_is_granted_first()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write, 0, 9), Range(1, LockMode.Write, 20, 29));
        _b.Lock(F, 1, LockMode.Write, 0, 29);
        _c.Lock(F, 1, LockMode.Write, 20, 20);
        _c.Lock(F, 2, LockMode.Read, 0, 0);
        _a.Unlock(F, 1, 20, 29);
        Assert.Equal(LockVerdict.Granted, _a.Lock(F, 2, LockMode.Write, 30, 39));
        Assert.Empty(_c.Hear());
        _a.Unlock(F, 1);
        Assert.Single(_b.Hear());
        Assert.Empty(_c.Hear());
        _b.Unlock(F, 1);
        Assert.Equal([new LockNumber(1), new LockNumber(2)], _c.Hear().Select(static decision => decision.Number));
    }

    [Fact]
    public void Who_waits_does_not_overtake_whom_it_would_be_in_the_way_of_but_for_a_second()
    {
        _a.Contend(F, _b, Range(1, LockMode.Read));
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 1, LockMode.Write));
        Assert.Equal(LockVerdict.Queued, _c.Lock(F, 1, LockMode.Read));
        Assert.Equal(LockVerdict.Granted, _c.Lock(F, 9, LockMode.Read, waits: false));
        _bench.Pass(ServerLocks.HeldBackMs - 1);
        Assert.Empty(_c.Hear());
        _bench.Pass(1);
        Assert.Equal(LockVerdict.Granted, Assert.Single(_c.Hear()).Verdict);
        Assert.Empty(_b.Hear());
    }

    [Fact]
    public void Who_holds_something_of_the_file_is_not_held_back()
    {
        _a.Contend(F, _b, Range(1, LockMode.Read, 0, 9));
        _b.Lock(F, 1, LockMode.Write);
        Assert.Equal(LockVerdict.Granted, _a.Lock(F, 1, LockMode.Read, 10, 19));
        Assert.Equal(LockVerdict.Queued, _a.Lock(F, 2, LockMode.Read, 10, 19));
    }

    [Fact]
    public void The_holders_waiters_come_before_all_others()
    {
        SetLockReply first = _a.Set(F, Range(1, LockMode.Write));
        _b.Lock(F, 1, LockMode.Write);
        LockNumber own = _a.Next();
        Assert.True(_a.Return(F, first.Token, [Range(1, LockMode.Write)], new WaitingLock(Range(2, LockMode.Write), own)));
        _a.Unlock(F, 1);
        LockDecision decision = Assert.Single(_a.Hear());
        Assert.Equal((own, LockVerdict.Granted), (decision.Number, decision.Verdict));
        Assert.Empty(_b.Hear());
        _a.Unlock(F, 2);
        Assert.Single(_b.Hear());
    }

    [Fact]
    public void A_circle_of_waits_over_files_and_sessions_is_refused_to_who_would_close_it()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write));
        _b.Contend(G, _a, Range(1, LockMode.Write));
        LockNumber waits = new(_a.Last.Value + 1);
        Assert.Equal(LockVerdict.Queued, _a.Lock(G, 1, LockMode.Read));
        Assert.Equal(LockVerdict.Queued, _c.Lock(F, 5, LockMode.Read));
        Assert.Equal(LockVerdict.Deadlock, _b.Lock(F, 1, LockMode.Write));
        Assert.Equal(LockVerdict.Conflict, _b.Lock(F, 1, LockMode.Write, waits: false));
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 2, LockMode.Write));
        Assert.Equal(LockVerdict.Granted, _b.Unlock(G, 1));
        Assert.Equal(waits, Assert.Single(_a.Hear()).Number);
    }

    [Fact]
    public void A_circle_that_a_return_closes_is_told_by_a_decision()
    {
        SetLockReply token = _a.Set(F, Range(1, LockMode.Write));
        _b.Contend(G, _c, Range(1, LockMode.Write));
        Assert.Equal(LockVerdict.Queued, _a.Lock(G, 1, LockMode.Write));
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 1, LockMode.Write));
        Assert.True(_a.Return(F, token.Token, [Range(1, LockMode.Write)]));
        Assert.Equal(LockVerdict.Deadlock, Assert.Single(_b.Hear()).Verdict);
        _b.Unlock(G, 1);
        Assert.Equal(LockVerdict.Granted, Assert.Single(_a.Hear()).Verdict);
    }

    [Fact]
    public void A_circle_that_a_grant_closes_is_told_to_who_waits()
    {
        _c.Contend(F, _b, Range(1, LockMode.Write));
        _b.Contend(G, _a, Range(1, LockMode.Write));
        Assert.Equal(LockVerdict.Queued, _a.Lock(G, 1, LockMode.Write));
        Assert.Equal(LockVerdict.Queued, _a.Lock(F, 1, LockMode.Write));
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 1, LockMode.Write));
        LockNumber closing = _b.Last;
        _c.Unlock(F, 1);
        Assert.Equal(LockVerdict.Granted, Assert.Single(_a.Hear()).Verdict);
        LockDecision told = Assert.Single(_b.Hear());
        Assert.Equal((closing, LockVerdict.Deadlock), (told.Number, told.Verdict));
    }

    [Fact]
    public void Flocks_are_in_no_circle()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write, isFlock: true));
        _b.Contend(G, _a, Range(1, LockMode.Write, isFlock: true));
        Assert.Equal(LockVerdict.Queued, _a.Lock(G, 1, LockMode.Write, isFlock: true));
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 1, LockMode.Write, isFlock: true));
    }

    [Fact]
    public void A_request_runs_once_however_often_it_comes()
    {
        _a.Contend(F, _b);
        SetLockRequest first = _a.Request(F, Range(1, LockMode.Write));
        SetLockReply answer = _a.Send(first);
        Assert.Equal(LockVerdict.Granted, answer.Verdict);
        Assert.Equal(answer, _a.Send(first));
        SetLockRequest unlock = _a.Request(F, Range(1, LockMode.Unlock)) with { AnsweredBelow = first.Number };
        Assert.Equal(LockVerdict.Granted, _a.Send(unlock).Verdict);
        Assert.Equal(answer, _a.Send(first));
        Assert.Equal((0, 0, 0), _bench.Locks.Counts);
        _a.Set(G, Range(1, LockMode.Write));
        Assert.Equal(LockVerdict.Late, _a.Send(first).Verdict);
        Assert.Equal(LockVerdict.Late, _a.Send(unlock).Verdict);
        Assert.Equal((0, 0, 1), _bench.Locks.Counts);
    }

    [Fact]
    public void Numbers_reach_only_so_far()
    {
        SetLockRequest request = _a.Request(F, Range(1, LockMode.Write));
        Assert.Equal(LockVerdict.TooMany, _a.Send(request with { Number = new LockNumber(request.Number.Value + Limits.LockNumbersUnanswered) }).Verdict);
        Assert.Equal(LockVerdict.Granted, _a.Send(request with { Number = new LockNumber(request.Number.Value + Limits.LockNumbersUnanswered - 1) }).Verdict);
        Assert.Equal(LockVerdict.Late, _a.Send(request with { AnsweredBelow = new LockNumber(ulong.MaxValue) }).Verdict);
    }

    [Fact]
    public void Who_gives_up_waits_no_more_and_gets_nothing()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write));
        SetLockRequest waiting = _b.Request(F, Range(1, LockMode.Write));
        _b.Send(waiting);
        Assert.True(_b.Withdraw(F, waiting.Number));
        Assert.True(_b.Withdraw(F, waiting.Number));
        _a.Unlock(F, 1);
        Assert.Empty(_b.Hear());
        Assert.Equal((0, 0, 0), _bench.Locks.Counts);
        Assert.Equal(LockVerdict.Queued, _b.Send(waiting).Verdict);
        Assert.Equal((0, 0, 0), _bench.Locks.Counts);
    }

    [Fact]
    public void Who_gives_up_too_late_has_the_lock()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write));
        _b.Lock(F, 1, LockMode.Write);
        LockNumber waiting = _b.Last;
        _a.Unlock(F, 1);
        Assert.False(_b.Withdraw(F, waiting));
        Assert.Equal(waiting, Assert.Single(_b.Hear()).Number);
        Assert.Equal((1, 0, 0), _bench.Locks.Counts);
    }

    [Fact]
    public void What_was_given_up_before_it_came_is_late()
    {
        SetLockRequest request = _a.Request(F, Range(1, LockMode.Write));
        Assert.True(_a.Withdraw(F, request.Number));
        Assert.Equal(LockVerdict.Late, _a.Send(request).Verdict);
        Assert.Equal((0, 0, 0), _bench.Locks.Counts);
        Assert.True(_a.Withdraw(F, request.Number));
    }

    [Fact]
    public void A_withdrawn_waiter_lets_those_behind_it_go_on()
    {
        _a.Contend(F, _b, Range(1, LockMode.Read));
        _b.Lock(F, 1, LockMode.Write);
        LockNumber writer = _b.Last;
        _c.Lock(F, 1, LockMode.Read);
        Assert.Empty(_c.Hear());
        Assert.True(_b.Withdraw(F, writer));
        Assert.Single(_c.Hear());
    }

    [Fact]
    public void A_decision_is_said_again_until_it_is_answered()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write, 0, 0), Range(1, LockMode.Write, 1, 1));
        _b.Lock(F, 1, LockMode.Write, 0, 0);
        _b.Lock(F, 1, LockMode.Write, 1, 1);
        int before = _b.MustTell;
        _a.Unlock(F, 1, 0, 0);
        LocksDecidedRequest first = _bench.Locks.NextNews(_b)!;
        _a.Unlock(F, 1, 1, 1);
        Assert.Equal(before + 1, _b.MustTell);
        Assert.Equal(2, _bench.Locks.NextNews(_b)!.Decisions.Count);
        _bench.Locks.Told(_b, first);
        Assert.Null(_bench.Locks.NextNews(_b));
        _bench.Locks.CheckInvariants();
    }

    [Fact]
    public void A_file_is_free_again_when_nobody_wanted_it_for_a_while()
    {
        _a.Contend(F, _b);
        Assert.Equal(default, _a.Set(F, Range(1, LockMode.Write)).Token);
        _a.Unlock(F, 1);
        Assert.Equal(1, _bench.Locks.FileCount);
        _bench.Pass(ServerLocks.QuietMs);
        Assert.Equal(0, _bench.Locks.FileCount);
        Assert.NotEqual(default, _b.Set(F, Range(1, LockMode.Write)).Token);
    }

    [Fact]
    public void Not_more_files_than_so_many_are_remembered_as_contended()
    {
        _bench.IsChecked = false;
        for (int i = 0; i < ServerLocks.MostIdle + 10; i++)
            _a.Contend(LockBench.File(i), _b);
        Assert.Equal(ServerLocks.MostIdle, _bench.Locks.FileCount);
        Assert.NotEqual(default, _b.Set(LockBench.File(0), Range(1, LockMode.Write)).Token);
        _bench.Locks.CheckInvariants();
    }

    [Fact]
    public void Answers_that_are_kept_count_and_who_lets_go_is_not_refused_for_them()
    {
        var bench = new LockBench(most: 100);
        (LockSession a, LockSession b) = (bench.NewSession(), bench.NewSession());
        a.Contend(F, b, Range(1, LockMode.Write));
        SetLockRequest Again(LockMode mode) => a.Request(F, Range(1, mode), isTest: mode != LockMode.Unlock) with { AnsweredBelow = new LockNumber(1) };
        Assert.InRange(CountUntilTooMany(LockVerdict.Granted, _ => a.Send(Again(LockMode.Write)).Verdict), 20, 50);
        for (int i = 0; i < 100; i++)
            Assert.Equal(LockVerdict.Granted, a.Send(Again(LockMode.Unlock)).Verdict);
        Assert.Equal(LockVerdict.Granted, a.Lock(F, 1, LockMode.Write));
    }

    [Fact]
    public void Who_alone_has_used_a_file_for_a_while_gets_its_token_with_what_it_holds()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write, 0, 0));
        _bench.Pass(ServerLocks.QuietMs - 1);
        Assert.Equal(default, _a.Set(F, Range(1, LockMode.Write, 1, 1)).Token);
        _b.Lock(F, 1, LockMode.Write, 2, 2);
        _bench.Pass(ServerLocks.QuietMs);
        Assert.Equal(default, _a.Set(F, Range(1, LockMode.Write, 3, 3)).Token);
        _b.Unlock(F, 1);
        SetLockReply reply = _a.Set(F, Range(1, LockMode.Write, 4, 4));
        Assert.NotEqual(default, reply.Token);
        Assert.Equal((0, 0, 1), _bench.Locks.Counts);
        Assert.Equal(LockVerdict.Queued, _b.Lock(F, 1, LockMode.Write, 0, 0));
        Assert.Equal(reply.Token, Assert.Single(_a.Recalls).Token);
    }

    [Fact]
    public void No_token_comes_while_something_of_the_file_is_to_be_told()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write, 0, 0));
        _a.Lock(F, 2, LockMode.Write, 0, 0);
        _bench.Pass(ServerLocks.QuietMs);
        _a.Unlock(F, 1, 0, 0);
        Assert.Equal(default, _a.Set(F, Range(1, LockMode.Write, 1, 1)).Token);
        Assert.Single(_a.Hear());
        Assert.NotEqual(default, _a.Set(F, Range(1, LockMode.Write, 2, 2)).Token);
    }

    [Fact]
    public void No_session_takes_all_room_for_waiters_or_ranges_of_a_file()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write, 0, 0));
        _bench.IsChecked = false;
        Assert.Equal(ServerLocks.MostQueued / 2, CountUntilTooMany(LockVerdict.Queued, i => _b.Lock(F, i, LockMode.Write, 0, 0, waits: true)));
        Assert.Equal(LockVerdict.Queued, _c.Lock(F, 1, LockMode.Write, 0, 0));
        Assert.InRange(CountUntilTooMany(LockVerdict.Granted, i => _b.Lock(F, 1, LockMode.Write, 2 * i, 2 * i)), Limits.LocksPerFile / 2 - 4, Limits.LocksPerFile / 2);
        Assert.Equal(LockVerdict.Granted, _c.Lock(F, 2, LockMode.Write, 1, 1));
        _bench.Locks.CheckInvariants();
        Assert.Equal(LockVerdict.Granted, _b.Unlock(F, 1));
    }

    [Fact]
    public void No_session_takes_all_room_in_all_and_each_can_let_go()
    {
        var bench = new LockBench(most: 100);
        (LockSession a, LockSession b) = (bench.NewSession(), bench.NewSession());
        int taken = CountUntilTooMany(LockVerdict.Granted, i => a.Lock(LockBench.File((int)i), 1, LockMode.Write));
        Assert.InRange(taken, 45, 50);
        Assert.Equal(LockVerdict.Granted, b.Lock(LockBench.File(1000), 1, LockMode.Write));
        Assert.Equal(LockVerdict.IsHolders, a.Unlock(LockBench.File(100), 1));
        a.BeginAnew();
        Assert.Equal((0, 0, 1), bench.Locks.Counts);
    }

    private static int CountUntilTooMany(LockVerdict expected, Func<ulong, LockVerdict> ask)
    {
        for (int count = 0; ; count++)
        {
            LockVerdict verdict = ask((ulong)count + 100);
            if (verdict == LockVerdict.TooMany)
                return count;
            Assert.Equal(expected, verdict);
        }
    }
}
