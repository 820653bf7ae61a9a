using Afs.Rpc;
using Afs.Vice.Tests.Harness;
using Afs.Vice.Volumes.Metadata;
using Afs.Wire;

namespace Afs.Vice.Tests;

/// <summary>Locks that hold in the cell, at the server: calls both ways, leases, restarts, and the fence of what is stored.</summary>
public class LockTests
{
    private static readonly LockRange Whole = new(0, ulong.MaxValue, false, LockMode.Write, new LockOwner(1), 7);

    [Theory, OnEachStore]
    public async Task A_lock_goes_from_client_to_client_by_recall_return_and_decision(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        Assert.Equal(LockVerdict.Granted, first.Verdict);
        Assert.Equal(LockVerdict.Queued, (await b.LockAsync(f, LockMode.Write)).Verdict);
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledLocks.Count == 1);
        Assert.Equal(new LockRecall(f, first.Token), a.Venus.RecalledLocks[0]);
        Assert.True(await a.ReturnLocksAsync(f, first.Token, Whole));
        Assert.Equal(LockVerdict.Granted, (await a.LockAsync(f, LockMode.Unlock)).Verdict);
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        Assert.Equal((b.LastLock, LockVerdict.Granted), b.Decisions[0]);
        Assert.Empty(a.Venus.BrokenFids);
        Assert.Empty(a.Venus.RecalledFids);
        cell.Server.CheckInvariants();
    }

    [Fact]
    public async Task A_decision_comes_again_on_the_next_connection_and_no_more_once_it_is_answered()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        await ContendAsync(a, b, f);
        await b.LockAsync(f, LockMode.Write);
        b.Detach();
        await a.LockAsync(f, LockMode.Unlock);
        await TestCell.StaysPendingAsync(new TaskCompletionSource().Task);
        b.Reconnect();
        await Eventually.BecomesTrueAsync(() => b.Decisions.Contains((b.LastLock, LockVerdict.Granted)));
        b.Reconnect();
        await b.LockAsync(f, LockMode.Unlock);
        await a.LockAsync(f, LockMode.Write);
        await b.LockAsync(f, LockMode.Write);
        await a.LockAsync(f, LockMode.Unlock);
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        Assert.Equal(b.LastLock, b.Decisions[0].Number);
    }

    [Fact]
    public async Task Who_falls_silent_loses_its_locks_with_its_lease()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        await b.LockAsync(f, LockMode.Write);
        a.Detach();
        await PassAsync(cell, cell.ServerWait, b);
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        Assert.Equal(LockVerdict.Granted, b.Decisions[0].Verdict);

        // It comes back with what it wrote under the lock, by the same call as before or another.
        a.Reconnect();
        Assert.Equal(AbortCodes.LockLost, (await a.Vice.StoreDataAsync(a.StoreRequest(f, [1], 1) with { Fence = first.Fence }, a.Next())).Abort);
        BatchOperation operation = new() { StoreData = a.StoreRequest(f, [2], 1) with { Fence = first.Fence } };
        Assert.Equal([new RefusedOperation(0, AbortCodes.LockLost)], (await a.ApplyAsync(f.Volume, 1, operation)).Value.Refused);
        Assert.Equal(1UL, (await b.StatusAsync(f))!.DataVersion.Value);
        Assert.NotEqual(first.Fence, (await a.LockAsync(f, LockMode.Read, waits: false)).Fence);
    }

    [Fact]
    public async Task What_is_written_under_a_lock_that_is_held_is_stored()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        Assert.True((await a.Vice.StoreDataAsync(a.StoreRequest(f, [1], 1) with { Fence = first.Fence }, a.Next())).IsReply);
        BatchOperation operation = new() { StoreData = a.StoreRequest(f, [2], 2) with { Fence = first.Fence } };
        Assert.Empty((await a.ApplyAsync(f.Volume, 1, operation)).Value.Refused);
        Assert.Equal(AbortCodes.LockLost, (await b.Vice.StoreDataAsync(b.StoreRequest(f, [1], 1) with { Fence = first.Fence }, b.Next())).Abort);
        Assert.True((await b.StoreAsync(f, [3], 3)).IsReply);
    }

    [Fact]
    public async Task Who_gets_a_lock_that_was_lost_sees_all_that_was_stored_under_it()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        await b.LockAsync(f, LockMode.Write);
        using ManualResetEventSlim reached = new(), goesOn = new();
        cell.Hooks.OnCall = (_, method, _) =>
        {
            if (method != nameof(IMetadataTransaction.Commit) || reached.IsSet)
                return;
            reached.Set();
            goesOn.Wait();
        };
        Task<Outcome<StoreDataReply>> store = a.Vice.StoreDataAsync(a.StoreRequest(f, [1], 1) with { Fence = first.Fence }, a.Next()).AsTask();
        await Eventually.BecomesTrueAsync(() => reached.IsSet);
        a.Detach();
        cell.Time.Advance(cell.ServerWait);
        b.Contact();
        Task sweep = cell.Server.SweepAsync();
        try
        {
            await TestCell.StaysPendingAsync(store);
            Assert.Empty(b.Decisions);
        }
        finally
        {
            goesOn.Set();
        }
        await sweep;
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        Assert.Equal(2UL, (await b.StatusAsync(f))!.DataVersion.Value);
    }

    [Fact]
    public async Task Who_leaves_lets_go()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        await a.LockAsync(f, LockMode.Write);
        await b.LockAsync(f, LockMode.Write);
        Assert.True((await a.Vice.EndSessionAsync(new EndSessionRequest(), a.Next())).IsReply);
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        cell.Server.CheckInvariants();
    }

    [Fact]
    public async Task Who_talks_and_keeps_a_token_that_others_wait_for_loses_its_locks_and_is_told()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        await b.LockAsync(f, LockMode.Write);
        await PassAsync(cell, cell.Terms.ReturnPatience, a, b);
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        await Eventually.BecomesTrueAsync(() => a.Venus.Decided.Any(call => call.LostFence == first.Fence));
        Assert.Equal(AbortCodes.LockLost, (await a.Vice.StoreDataAsync(a.StoreRequest(f, [1], 1) with { Fence = first.Fence }, a.Next())).Abort);
    }

    [Theory, OnEachStore]
    public async Task After_a_restart_who_held_a_lock_claims_it_before_others_are_granted_any(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        cell.Restart();
        b.Attach();
        Assert.Equal(LockVerdict.Queued, (await b.LockAsync(f, LockMode.Write, waits: false)).Verdict);
        a.Attach();
        Task<Outcome<StoreDataReply>> early = a.Vice.StoreDataAsync(a.StoreRequest(f, [1], 1) with { Fence = first.Fence }, a.Next()).AsTask();
        await TestCell.StaysPendingAsync(early);
        ReclaimLocksReply claim = await a.ReclaimLocksAsync(first.Fence, new ClaimedLocks { Fid = f, Token = first.Token });
        Assert.Equal(first.Fence, claim.Fence);
        Assert.Empty(claim.Lost);
        Assert.True((await early).IsReply);
        await Eventually.BecomesTrueAsync(() => a.Venus.RecalledLocks.Count == 1);
        Assert.True(await a.ReturnLocksAsync(f, first.Token, Whole));
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        Assert.Equal(LockVerdict.Conflict, b.Decisions[0].Verdict);
        cell.Server.CheckInvariants();
    }

    [Fact]
    public async Task After_a_restart_nobody_waits_longer_than_the_lease_of_who_stays_away()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        cell.Restart();
        b.Attach();
        await b.LockAsync(f, LockMode.Write);
        await PassAsync(cell, cell.ServerWait, b);
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        a.Attach();
        Assert.Equal([0], (await a.ReclaimLocksAsync(first.Fence, new ClaimedLocks { Fid = f, Held = [Whole] })).Lost);
    }

    [Fact]
    public async Task Who_comes_back_and_claims_nothing_is_not_waited_for_for_ever()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        await a.LockAsync(f, LockMode.Write);
        cell.Restart();
        a.Attach();
        b.Attach();
        await b.LockAsync(f, LockMode.Write);
        await PassAsync(cell, cell.ServerWait, a, b);
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
    }

    [Theory, OnEachStore]
    public async Task The_mark_is_durable_before_the_lock_and_goes_when_nothing_was_held_for_a_lease(StoreKind kind)
    {
        using var cell = new TestCell(kind);
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        bool IsMarked()
        {
            using IMetadataView view = cell.Metadata.OpenView();
            return view.FindSession(a.Session)!.HoldsLocks;
        }
        Assert.False(IsMarked());
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        Assert.True(IsMarked());
        Assert.True(await a.ReturnLocksAsync(f, first.Token));
        await cell.Server.SweepAsync();
        Assert.True(IsMarked());
        await PassAsync(cell, cell.ServerWait, a, b);
        Assert.False(IsMarked());
        cell.Restart();
        b.Attach();
        Assert.Equal(LockVerdict.Granted, (await b.LockAsync(f, LockMode.Write)).Verdict);
    }

    [Fact]
    public async Task Where_the_mark_cannot_be_stored_there_is_no_lock()
    {
        using var cell = new TestCell();
        (TestClient a, _, Fid f) = await BeginAsync(cell);
        cell.Hooks.OnCall = static (_, method, _) =>
        {
            if (method == nameof(IMetadataTransaction.PutSession))
                throw new StorageException(StorageFailure.NoSpace, "Full.");
        };
        SetLockRequest request = a.LockRequest(f, LockMode.Write);
        Assert.Equal(AbortCodes.NoSpace, (await a.Vice.SetLockAsync(request, a.Next())).Abort);
        cell.Hooks.OnCall = null;
        Assert.Equal(LockVerdict.Granted, (await a.Vice.SetLockAsync(request, a.Next())).Value.Verdict);
    }

    [Fact]
    public async Task Who_holds_and_who_waits_is_shown_with_its_client()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        GetLocksReply token = (await b.Vice.GetLocksAsync(new GetLocksRequest { Fid = f }, b.Next())).Value;
        Assert.Contains(a.Id.ToString(), token.TokenClient);
        Assert.Empty(token.Locks);
        await b.LockAsync(f, LockMode.Read);
        await a.ReturnLocksAsync(f, first.Token, Whole);
        cell.Time.Advance(TimeSpan.FromMilliseconds(5));
        GetLocksReply shown = (await b.Vice.GetLocksAsync(new GetLocksRequest { Fid = f }, b.Next())).Value;
        Assert.Null(shown.TokenClient);
        Assert.Equal([(true, false, LockMode.Write, 5L), (false, true, LockMode.Read, 5L)], shown.Locks.Select(static one => (one.IsHeld, one.IsOwn, one.Range.Mode, one.AgeMs)));
        Assert.Contains(a.Id.ToString(), shown.Locks[0].Client);
        IReadOnlyList<Figure> figures = (await a.Vice.GetServerStatusAsync(new GetServerStatusRequest(), a.Next())).Value.Figures;
        Assert.Equal([1L, 1L, 0L, 1L, 0L], new[] { "locks", "locks.waiting", "locks.tokens", "locks.recalled", "locks.lost" }.Select(name => figures.Single(figure => figure.Name == name).Value));
    }

    [Fact]
    public async Task What_no_correct_client_sends_is_refused()
    {
        using var cell = new TestCell();
        (TestClient a, _, Fid f) = await BeginAsync(cell);
        async Task<AbortCode> AbortOf(SetLockRequest request) => (await a.Vice.SetLockAsync(request, a.Next())).Abort;
        SetLockRequest good = a.LockRequest(f, LockMode.Write);
        Assert.Equal(AbortCodes.BadArgument, await AbortOf(good with { Range = Whole with { Start = 2, End = 1 } }));
        Assert.Equal(AbortCodes.BadArgument, await AbortOf(good with { Range = Whole with { Mode = (LockMode)3 } }));
        Assert.Equal(AbortCodes.BadArgument, await AbortOf(good with { Range = Whole with { IsFlock = true, Start = 1 } }));
        Assert.Equal(AbortCodes.BadArgument, await AbortOf(good with { Range = Whole with { IsFlock = true, End = 5 } }));
        Assert.Equal(AbortCodes.BadArgument, await AbortOf(good with { Number = default }));
        Assert.Equal(AbortCodes.BadArgument, await AbortOf(good with { IsTest = true }));
        Assert.Equal(AbortCodes.NoVolume, await AbortOf(good with { Fid = f with { Volume = new VolumeId(99) } }));
        SetLockReply token = (await a.Vice.SetLockAsync(good, a.Next())).Value;
        Assert.False(await a.ReturnLocksAsync(f, token.Token, Whole with { Mode = LockMode.Unlock }));
        Assert.False(await a.ReturnLocksAsync(f, token.Token, Whole, Whole with { Owner = new LockOwner(2) }));
        Assert.Equal(
            AbortCodes.BadArgument,
            (await a.Vice.ReclaimLocksAsync(new ReclaimLocksRequest { Fence = default, Number = new LockNumber(ulong.MaxValue), Locks = [] }, a.Next())).Abort);
        Assert.Equal((0, 0, 1), cell.Server.Locks.Counts);
    }

    [Fact]
    public async Task A_client_that_is_promised_nothing_locks_without_a_token()
    {
        using var cell = new TestCell();
        (TestClient a, TestClient b, Fid f) = await BeginAsync(cell);
        await b.StatusAsync(f);
        b.Venus.Acknowledge = new TaskCompletionSource().Task;
        Task<Outcome<StoreDataReply>> store = a.StoreAsync(f, [1], 1).AsTask();
        await Eventually.BecomesTrueAsync(() => b.Trust.IsWithoutPromises, () =>
        {
            a.Contact();
            b.Contact();
            cell.Time.Advance(cell.Terms.Patience / 4);
        });
        SetLockReply reply = await b.LockAsync(f, LockMode.Write);
        Assert.Equal((LockVerdict.Granted, default(LockTokenNumber)), (reply.Verdict, reply.Token));
        b.Venus.Acknowledge = Task.CompletedTask;
        await Eventually.BecomesTrueAsync(() => store.IsCompleted, () =>
        {
            a.Contact();
            b.Contact();
            cell.Time.Advance(cell.Terms.Patience / 4);
        });
        Assert.Equal(LockVerdict.Queued, (await a.LockAsync(f, LockMode.Write)).Verdict);
    }

    private static async Task<(TestClient A, TestClient B, Fid F)> BeginAsync(TestCell cell)
    {
        (TestClient a, TestClient b) = (await cell.ConnectAsync(), await cell.ConnectAsync());
        Fid f = await a.MakeAsync(await a.RootAsync(), "f");
        await b.RootAsync();
        return (a, b, f);
    }

    /// <summary>The first holds the file for writing, and the file is contended.</summary>
    private static async Task ContendAsync(TestClient a, TestClient b, Fid f)
    {
        SetLockReply first = await a.LockAsync(f, LockMode.Write);
        await b.LockAsync(f, LockMode.Write, waits: false);
        Assert.True(await a.ReturnLocksAsync(f, first.Token, Whole));
        await Eventually.BecomesTrueAsync(() => b.Decisions.Count == 1);
        b.Venus.Clear();
    }

    /// <summary>Time in which these talk and all others don't.</summary>
    private static async Task PassAsync(TestCell cell, TimeSpan time, params TestClient[] talking)
    {
        for (TimeSpan passed = default; passed <= time; passed += TimeSpan.FromSeconds(1))
        {
            cell.Time.Advance(TimeSpan.FromSeconds(1));
            foreach (TestClient client in talking)
                client.Contact();
            await cell.Server.SweepAsync();
        }
    }
}
