using Afs.Vice.Locks;
using Afs.Vice.Tests.Harness;
using Afs.Wire;
using static Afs.Vice.Tests.Harness.LockSession;

namespace Afs.Vice.Tests;

/// <summary>Locks that hold in the cell and the lives of sessions and of the server, at the table alone: falls, claims, marks.</summary>
public class LockLivesTests
{
    private static readonly Fid F = LockBench.File(1), G = LockBench.File(2);

    private readonly LockBench _bench = new();
    private readonly LockSession _a, _b, _c;

    public LockLivesTests() => (_a, _b, _c) = (_bench.NewSession(), _bench.NewSession(), _bench.NewSession());

    [Fact]
    public void A_fall_loses_all_at_once_and_others_get_it_when_it_is_buried()
    {
        SetLockReply token = _a.Set(F, Range(1, LockMode.Write));
        _a.Contend(G, _b, Range(1, LockMode.Write));
        _b.Contend(LockBench.File(3), _c, Range(1, LockMode.Write));
        _a.Lock(LockBench.File(3), 2, LockMode.Write);
        _b.Lock(F, 1, LockMode.Write);
        _b.Lock(G, 1, LockMode.Write);
        Assert.True(_bench.Locks.IsCurrent(_a.Id, token.Fence));
        LockHolder fallen = _a.Lapse()!;
        _bench.Locks.CheckInvariants();
        Assert.False(_bench.Locks.IsCurrent(_a.Id, token.Fence));
        Assert.Empty(_b.Hear());
        Assert.Equal(2, _bench.Locks.Counts.Queued);
        _a.ComeBack();
        SetLockReply back = _a.Set(G, Range(1, LockMode.Read), waits: false);
        Assert.Equal(LockVerdict.Conflict, back.Verdict);
        Assert.NotEqual(token.Fence, back.Fence);
        Assert.True(_a.Return(F, token.Token, [Range(1, LockMode.Write)]));
        _bench.Locks.Bury(fallen);
        _bench.Locks.CheckInvariants();
        Assert.Equal([LockVerdict.Granted, LockVerdict.Granted], _b.Hear().Select(static decision => decision.Verdict));
        _b.Unlock(LockBench.File(3), 1);
        Assert.Empty(_a.Hear());
        _bench.Locks.Bury(fallen);
    }

    [Fact]
    public void A_call_that_began_before_a_fall_does_nothing_after_it()
    {
        SetLockRequest request = _a.Request(F, Range(1, LockMode.Write));
        int falls = _bench.Locks.Begin(_a)!.Value;
        _a.Lapse();
        Assert.Null(_bench.Locks.Begin(_a));
        _a.ComeBack();
        Assert.Null(_bench.Locks.Set(_a, falls, request));
        Assert.False(_bench.Locks.Mark(_a, falls));
        Assert.Null(_bench.Locks.Reclaim(_a, falls, new ReclaimLocksRequest { Fence = default, Number = _a.Next(), Locks = [] }, out _));
        _bench.Locks.End(_a);
        Assert.Equal((0, 0, 0), _bench.Locks.Counts);
        Assert.Equal(LockVerdict.Granted, _a.Send(request).Verdict);
    }

    [Fact]
    public void Who_begins_anew_lets_go_of_all_and_its_older_requests_are_late()
    {
        _a.Contend(F, _b, Range(1, LockMode.Write));
        SetLockRequest late = _a.Request(G, Range(1, LockMode.Write));
        ReclaimLocksReply anew = _a.BeginAnew();
        Assert.NotEqual(default, anew.Fence);
        Assert.Equal((0, 0, 0), _bench.Locks.Counts);
        Assert.Equal(LockVerdict.Late, _a.Send(late).Verdict);
        Assert.Equal(anew.Fence, _a.Set(G, Range(1, LockMode.Write)).Fence);
    }

    [Fact]
    public void To_begin_anew_once_more_with_the_same_number_lets_go_of_nothing()
    {
        var request = new ReclaimLocksRequest { Fence = default, Number = _a.Next(), Locks = [] };
        ReclaimLocksReply first = _a.Reclaim(request);
        _a.Set(F, Range(1, LockMode.Write));
        Assert.Equal(first.Fence, _a.Reclaim(request).Fence);
        Assert.Equal((0, 0, 1), _bench.Locks.Counts);
        _a.BeginAnew();
        _a.Set(F, Range(1, LockMode.Write));
        _a.Reclaim(request);
        Assert.Equal((1, 0, 0), _bench.Locks.Counts);
    }

    [Fact]
    public void Who_keeps_a_token_that_others_wait_for_is_late_and_hears_that_it_lost()
    {
        TimeSpan patience = LockBench.Terms.ReturnPatience;
        SetLockReply token = _a.Set(F, Range(1, LockMode.Write));
        _b.Lock(F, 1, LockMode.Write);
        Assert.Empty(_bench.Locks.LateFor(patience));
        _bench.Time.Advance(patience);
        _a.SinceShipped = patience / 2;
        Assert.Empty(_bench.Locks.LateFor(patience));
        _a.SinceShipped = patience;
        Assert.Equal([_a], _bench.Locks.LateFor(patience));
        LockHolder fallen = _bench.Locks.FallLate(_a)!;
        Assert.Empty(_bench.Locks.LateFor(patience));
        Assert.Equal(token.Fence, _bench.Locks.NextNews(_a)!.LostFence);
        _bench.Locks.Bury(fallen);
        Assert.Equal(LockVerdict.Granted, Assert.Single(_b.Hear()).Verdict);
        Assert.Equal(1, _a.MustTell);
        Assert.Empty(_a.Hear());
        Assert.Null(_bench.Locks.NextNews(_a));
        _bench.Locks.CheckInvariants();
    }

    [Fact]
    public void Who_does_not_answer_decisions_is_late()
    {
        TimeSpan patience = LockBench.Terms.ReturnPatience;
        _a.Contend(F, _b, Range(1, LockMode.Write));
        _b.Lock(F, 1, LockMode.Write);
        _a.Unlock(F, 1);
        _bench.Time.Advance(patience);
        Assert.Equal([_b], _bench.Locks.LateFor(patience));
        Assert.Single(_b.Hear());
        Assert.Empty(_bench.Locks.LateFor(patience));
    }

    [Fact]
    public void After_a_restart_nobody_is_granted_anything_before_all_have_claimed()
    {
        var fence = new LockFence(77);
        _bench.Locks.Await(_a.Id);
        _bench.Locks.Await(_b.Id);
        Assert.Equal(LockVerdict.Queued, _c.Lock(F, 1, LockMode.Write, waits: false));
        Assert.Equal(LockVerdict.Queued, _c.Lock(G, 1, LockMode.Write));
        Assert.Equal(LockVerdict.Queued, _c.Set(LockBench.File(3), Range(1, LockMode.Write), isTest: true).Verdict);
        Assert.NotNull(_bench.Locks.ClaimsOf(_a.Id));
        Assert.Null(_bench.Locks.ClaimsOf(_c.Id));
        LockNumber waited = _a.Next();
        ReclaimLocksReply reply = _a.Reclaim(fence, new ClaimedLocks { Fid = F, Held = [Range(1, LockMode.Write)] }, new ClaimedLocks { Fid = G, Waiting = [new WaitingLock(Range(1, LockMode.Write), waited)] });
        Assert.Equal(fence, reply.Fence);
        Assert.Empty(reply.Lost);
        Assert.Empty(_c.Hear());
        Assert.True(_bench.Locks.IsCurrent(_a.Id, fence));
        var more = new ReclaimLocksRequest { Fence = new LockFence(78), Number = _b.Next(), HasMore = true, Locks = [new ClaimedLocks { Fid = G, Held = [Range(1, LockMode.Read)] }] };
        Assert.Equal(more.Fence, _b.Reclaim(more).Fence);
        Assert.Empty(_c.Hear());
        _b.Reclaim(new LockFence(78));
        Assert.Equal([LockVerdict.Conflict, LockVerdict.Granted], _c.Hear().Select(static decision => decision.Verdict));
        _b.Unlock(G, 1);
        Assert.Equal(waited, Assert.Single(_a.Hear()).Number);
        Assert.Empty(_c.Hear());
    }

    [Fact]
    public void A_request_that_was_under_way_at_the_restart_spoils_no_claim()
    {
        _bench.Locks.Await(_a.Id);
        var fence = new LockFence(5);
        Assert.Equal(LockVerdict.Queued, _a.Lock(F, 1, LockMode.Write));
        Assert.Equal(LockVerdict.Granted, _a.Unlock(G, 1));
        ReclaimLocksReply reply = _a.Reclaim(fence, new ClaimedLocks { Fid = F, Held = [Range(2, LockMode.Write)] });
        Assert.Equal(fence, reply.Fence);
        Assert.Empty(reply.Lost);
        Assert.Empty(_a.Hear());
        Assert.True(_bench.Locks.IsCurrent(_a.Id, fence));
        Assert.Equal((1, 0, 0), _bench.Locks.Counts);
    }

    [Fact]
    public void Before_all_have_claimed_not_even_what_is_let_go_or_given_up_lets_others_on()
    {
        _bench.Locks.Await(_a.Id);
        _bench.Locks.Await(_b.Id);
        _c.Lock(F, 1, LockMode.Write);
        _c.Lock(F, 2, LockMode.Write);
        LockNumber second = _c.Last;
        _a.Reclaim(new LockFence(5), new ClaimedLocks { Fid = F, Held = [Range(1, LockMode.Write, 0, 0)] });
        Assert.Equal(LockVerdict.Granted, _a.Unlock(F, 1));
        Assert.True(_c.Withdraw(F, second));
        _bench.Pass(ServerLocks.HeldBackMs);
        Assert.Empty(_c.Hear());
        _b.Reclaim(new LockFence(6), new ClaimedLocks { Fid = F, Held = [Range(1, LockMode.Write, 1, 1)] });
        Assert.Empty(_c.Hear());
        Assert.Equal(LockVerdict.Granted, _b.Unlock(F, 1));
        Assert.Single(_c.Hear());
    }

    [Fact]
    public void What_two_claim_is_the_firsts_and_a_token_that_was_wanted_meanwhile_is_recalled()
    {
        _bench.Locks.Await(_a.Id);
        _bench.Locks.Await(_b.Id);
        _c.Lock(F, 1, LockMode.Write);
        Assert.Empty(_a.Reclaim(new LockFence(5), new ClaimedLocks { Fid = F, Token = new LockTokenNumber(9) }, new ClaimedLocks { Fid = G, Held = [Range(1, LockMode.Write)] }).Lost);
        Assert.Equal([new LockRecall(F, new LockTokenNumber(9))], _a.Recalls);
        ReclaimLocksReply second = _b.Reclaim(
            new LockFence(6),
            new ClaimedLocks { Fid = F, Token = new LockTokenNumber(9) },
            new ClaimedLocks { Fid = F, Held = [Range(1, LockMode.Read)] },
            new ClaimedLocks { Fid = G, Held = [Range(1, LockMode.Read, 5, 5), Range(2, LockMode.Read, 7, 7)] },
            new ClaimedLocks { Fid = G, Token = new LockTokenNumber(10) },
            new ClaimedLocks { Fid = LockBench.File(3), Held = [Range(1, LockMode.Write), Range(2, LockMode.Read)] },
            new ClaimedLocks { Fid = LockBench.File(4), Held = [Range(1, LockMode.Write)] });
        Assert.Equal([0, 1, 2, 3, 4], second.Lost);
        Assert.Equal(second, _b.Reclaim(new ReclaimLocksRequest { Fence = new LockFence(6), Number = _b.Last, Locks = [] }));
        Assert.Equal((2, 1, 1), _bench.Locks.Counts);
        Assert.True(_a.Return(F, new LockTokenNumber(9), []));
        Assert.Single(_c.Hear());
    }

    [Fact]
    public void Who_is_not_awaited_claims_nothing()
    {
        ReclaimLocksReply reply = _a.Reclaim(new LockFence(5), new ClaimedLocks { Fid = F, Held = [Range(1, LockMode.Write)] });
        Assert.NotEqual(new LockFence(5), reply.Fence);
        Assert.Equal([0], reply.Lost);
        _bench.Locks.Await(_b.Id);
        _bench.Locks.Await(_c.Id);
        _b.Reclaim(new ReclaimLocksRequest { Fence = new LockFence(6), Number = _b.Next(), HasMore = true, Locks = [] });
        Assert.Equal([0], _b.Reclaim(new LockFence(7), new ClaimedLocks { Fid = F, Held = [Range(1, LockMode.Write)] }).Lost);
        Assert.Equal((0, 0, 0), _bench.Locks.Counts);
    }

    [Fact]
    public void Who_stays_away_is_not_waited_for_longer_than_its_lease()
    {
        _bench.Locks.Await(_a.Id);
        _c.Lock(F, 1, LockMode.Write);
        Task claims = _bench.Locks.ClaimsOf(_a.Id)!;
        Assert.False(claims.IsCompleted);
        _a.Lapse();
        Assert.Single(_c.Hear());
        Assert.Null(_bench.Locks.ClaimsOf(_a.Id));
        _bench.Locks.CheckInvariants();
    }

    [Fact]
    public void The_mark_of_a_session_goes_only_when_it_holds_and_asks_nothing()
    {
        int falls = _bench.Locks.Begin(_a)!.Value;
        Assert.True(_bench.Locks.Mark(_a, falls));
        Assert.False(_bench.Locks.TryUnmark(_a.Id));
        _bench.Locks.End(_a);
        SetLockReply token = _a.Set(F, Range(1, LockMode.Write));
        Assert.False(_bench.Locks.TryUnmark(_a.Id));
        Assert.True(_a.Return(F, token.Token, []));
        Assert.Empty(_bench.Locks.MarkedInVain(TimeSpan.FromSeconds(1)));
        _bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([_a.Id], _bench.Locks.MarkedInVain(TimeSpan.FromSeconds(1)));
        Assert.True(_bench.Locks.TryUnmark(_a.Id));
        Assert.False(_bench.Locks.IsMarked(_a.Id));
        _bench.Locks.Unmarked(_a.Id, isCommitted: false);
        Assert.True(_bench.Locks.IsMarked(_a.Id));
        Assert.True(_bench.Locks.TryUnmark(_a.Id));
        _a.Lapse();
        _bench.Locks.Unmarked(_a.Id, isCommitted: false);
        Assert.False(_bench.Locks.IsMarked(_a.Id));
    }
}
