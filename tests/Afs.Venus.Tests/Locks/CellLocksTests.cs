using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Venus.Callbacks;
using Afs.Venus.Vfs;
using Afs.Wire;

namespace Afs.Venus.Tests;

/// <summary>The client's side of locks of the cell: what comes out of order, what goes back, and what a life's end leaves.</summary>
public class CellLocksTests
{
    private static readonly LockTokenNumber Token = new(5);

    [Fact]
    public async Task ARecall_ThatOvertakesTheAnswerWithItsToken_WaitsForIt()
    {
        using var server = new ScriptedLockServer();
        Task<Result<LockVerdict>> asking = server.AskAsync(server.Asks(owner: 1));
        await server.ComesAsync<SetLockRequest>();

        server.Locks.Recall([new LockRecall(ScriptedLockServer.File, Token)]);
        server.Answer(ScriptedLockServer.Granted(Token.Value));

        Assert.Equal(LockVerdict.Granted, (await asking).Value);
        ReturnLocksRequest returned = await server.ComesAsync<ReturnLocksRequest>();
        Assert.Equal([(1ul, LockMode.Write)], returned.Held.Select(static held => (held.Owner.Value, held.Mode)));
        Assert.Equal(["SetLockRequest", "store", "ReturnLocksRequest"], server.Story);
        server.Answer(new ReturnLocksReply());
        Assert.False(server.Table.IsHere(ScriptedLockServer.File));
    }

    [Fact]
    public async Task ADecision_ThatOvertakesTheAnswerQueued_Counts()
    {
        using var server = new ScriptedLockServer();
        LockWaiter asked = server.Asks(owner: 1);
        Task<Result<LockVerdict>> asking = server.AskAsync(asked);
        SetLockRequest request = await server.ComesAsync<SetLockRequest>();

        server.Decide(request.Number, LockVerdict.Granted);
        server.Answer(ScriptedLockServer.Said(LockVerdict.Queued));

        Assert.Equal(LockVerdict.Queued, (await asking).Value);
        Assert.Equal(LockVerdict.Granted, (await asked.Decided).Value);
        Assert.Single(server.Table.HeldOf(ScriptedLockServer.File));
    }

    [Fact]
    public async Task WhileTheTokenIsHere_NothingIsAsked_AndWhatIsHeldAndWaits_GoesBackWithIt()
    {
        using var server = new ScriptedLockServer();
        await server.GetAsync(server.Asks(owner: 1), Token.Value);
        Assert.Equal(LockVerdict.IsHolders, (await server.AskAsync(server.Asks(owner: 2))).Value);
        Assert.Equal(LockOutcome.Waits, server.Table.Set(ScriptedLockServer.File, new FileHandle(2), new FileLock(2, 0, 9, FileLockKind.Write, 1, false), isSilent: false, LockWait.UntilFree, out LockWaiter? waiter));
        Assert.False(server.IsCalled);

        server.Locks.Recall([new LockRecall(ScriptedLockServer.File, Token)]);

        ReturnLocksRequest returned = await server.ComesAsync<ReturnLocksRequest>();
        Assert.Equal(2ul, Assert.Single(returned.Waiting).Range.Owner.Value);
        server.Answer(new ReturnLocksReply());
        server.Decide(returned.Waiting[0].Number, LockVerdict.Granted);
        Assert.Equal(LockVerdict.Granted, (await waiter!.Decided).Value);
    }

    [Fact]
    public async Task AGrant_CountsWhenTheContentIsCurrent_AndNotBefore()
    {
        using var server = new ScriptedLockServer();
        var current = new TaskCompletionSource<Failure>();
        server.BringCurrent = () => new(current.Task);
        Task<Result<LockVerdict>> first = server.AskAsync(server.Asks(owner: 1, FileLockKind.Read));
        await server.AnswerNextAsync<SetLockRequest>(ScriptedLockServer.Granted(Token.Value));
        Task<Result<LockVerdict>> second = server.AskAsync(server.Asks(owner: 2, FileLockKind.Read));
        await Task.Delay(50);
        Assert.False(first.IsCompleted || second.IsCompleted);
        Assert.Empty(server.Table.HeldOf(ScriptedLockServer.File));

        current.SetResult(Failure.None);

        Assert.Equal(LockVerdict.Granted, (await first).Value);
        Assert.Equal(LockVerdict.IsHolders, (await second).Value);
    }

    [Fact]
    public async Task WhoseContentCantBeBroughtUpToDate_HasNoLock_AndTheServerIsTold()
    {
        using var server = new ScriptedLockServer { BringCurrent = () => new(FailureKind.Unreachable) };
        Task<Result<LockVerdict>> asking = server.AskAsync(server.Asks(owner: 1));
        await server.AnswerNextAsync<SetLockRequest>(ScriptedLockServer.Granted());
        Assert.Equal(LockMode.Unlock, (await server.ComesAsync<SetLockRequest>()).Range.Mode);
        server.Answer(ScriptedLockServer.Granted());

        Assert.Equal(FailureKind.Unreachable, (await asking).Failure.Kind);
        Assert.Empty(server.Table.HeldOf(ScriptedLockServer.File));
    }

    [Fact]
    public async Task WhatWasWritten_IsStoredBeforeItsLockIsLetGo_AndTheNextRequestComesAfter()
    {
        using var server = new ScriptedLockServer();
        await server.GetAsync(server.Asks(owner: 1), token: 0);
        Assert.Equal(ScriptedLockServer.Fence, server.Fences.Of(ScriptedLockServer.File));

        FreedLocks freed = server.Table.Flushed(ScriptedLockServer.File, new FileHandle(1), owner: 1);
        Task<Failure> unlocking = server.Locks.UnlockAsync(ScriptedLockServer.File, freed.Ranges, freed.HadWrites, OperationContext.OfClient(default)).AsTask();
        Task<Result<LockVerdict>> asking = server.AskAsync(server.Asks(owner: 2));

        Assert.Equal(LockMode.Unlock, (await server.ComesAsync<SetLockRequest>()).Range.Mode);
        Assert.Equal(["SetLockRequest", "store", "SetLockRequest"], server.Story);
        server.Answer(ScriptedLockServer.Granted());
        Assert.True((await unlocking).IsNone);
        Assert.Equal(2ul, (await server.ComesAsync<SetLockRequest>()).Range.Owner.Value);
        server.Answer(ScriptedLockServer.Said(LockVerdict.Conflict));
        Assert.Equal(LockVerdict.Conflict, (await asking).Value);
        Assert.Equal(default, server.Fences.Of(ScriptedLockServer.File));
    }

    [Fact]
    public async Task AWithdrawal_ThatComesTooLate_LeavesTheDecision()
    {
        using var server = new ScriptedLockServer();
        LockWaiter asked = server.Asks(owner: 1);
        Task<Result<LockVerdict>> asking = server.AskAsync(asked);
        SetLockRequest request = await server.ComesAsync<SetLockRequest>();
        server.Answer(ScriptedLockServer.Said(LockVerdict.Queued));
        await asking;

        Task<bool> withdrawing = server.Locks.WithdrawAsync(asked).AsTask();
        await server.AnswerNextAsync<WithdrawLockRequest>(new WithdrawLockReply { IsWithdrawn = false });
        Assert.False(await withdrawing);
        server.Decide(request.Number, LockVerdict.Granted);
        Assert.Equal(LockVerdict.Granted, (await asked.Decided).Value);
    }

    [Fact]
    public async Task AfterARestartOfTheServer_AllIsClaimed_BeforeAnythingIsAsked()
    {
        using var server = new ScriptedLockServer();
        await server.GetAsync(server.Asks(owner: 1), token: 0);
        LockWaiter waits = server.Asks(owner: 2);
        Task<Result<LockVerdict>> queued = server.AskAsync(waits);
        await server.AnswerNextAsync<SetLockRequest>(ScriptedLockServer.Said(LockVerdict.Queued));
        await queued;
        Task<Result<LockVerdict>> unanswered = server.AskAsync(server.Asks(owner: 3));
        LockNumber old = (await server.ComesAsync<SetLockRequest>()).Number;

        server.Locks.TrustLost(SuspectReason.ServerRestarted);

        ReclaimLocksRequest claim = await server.ComesAsync<ReclaimLocksRequest>();
        Assert.Equal(ScriptedLockServer.Fence, claim.Fence);
        Assert.Equal(1ul, Assert.Single(claim.Locks.SelectMany(static of => of.Held)).Owner.Value);
        Assert.Equal(2ul, Assert.Single(claim.Locks.SelectMany(static of => of.Waiting)).Range.Owner.Value);
        server.Answer(new ReclaimLocksReply { Fence = ScriptedLockServer.Fence, Lost = [] });
        SetLockRequest again = await server.ComesAsync<SetLockRequest>();
        Assert.True(again.Range.Owner.Value == 3 && again.Number.Value > claim.Number.Value && claim.Number.Value > old.Value);
        server.Answer(ScriptedLockServer.Said(LockVerdict.Conflict));
        Assert.Equal(LockVerdict.Conflict, (await unanswered).Value);
        Assert.Single(server.Table.HeldOf(ScriptedLockServer.File));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatIsLost_IsSaidToWhoHeldIt_AndHisStoresCarryTheOldFence(bool isByLease)
    {
        using var server = new ScriptedLockServer();
        await server.GetAsync(server.Asks(owner: 1), token: 0);
        LockWaiter waits = server.Asks(owner: 2, handle: 2);
        Task<Result<LockVerdict>> queued = server.AskAsync(waits);
        await server.AnswerNextAsync<SetLockRequest>(ScriptedLockServer.Said(LockVerdict.Queued));
        await queued;

        server.Locks.TrustLost(isByLease ? SuspectReason.LeaseEnded : SuspectReason.ServerRestarted);

        ReclaimLocksRequest claim = await server.ComesAsync<ReclaimLocksRequest>();
        Assert.Equal((isByLease ? default : ScriptedLockServer.Fence, isByLease ? 0 : 2), (claim.Fence, claim.Locks.Count));
        server.Answer(new ReclaimLocksReply { Fence = new LockFence(41), Lost = [] });
        Assert.Equal(LockVerdict.Late, (await waits.Decided).Value);
        Assert.True(server.Table.IsLost(new FileHandle(1)));
        Assert.False(server.Table.IsLost(new FileHandle(2)));
        Assert.Empty(server.Table.HeldOf(ScriptedLockServer.File));
        Assert.True(await Eventually.IsAsync(() => server.Story.Contains("store")));
        Assert.Equal(ScriptedLockServer.Fence, server.Fences.Of(ScriptedLockServer.File));

        FreedLocks freed = server.Table.Released(ScriptedLockServer.File, new FileHandle(1));
        Assert.True(freed.WasLost);
        await server.Locks.UnlockAsync(ScriptedLockServer.File, freed.Ranges, freed.HadWrites, OperationContext.OfClient(default));
        Assert.Equal(default, server.Fences.Of(ScriptedLockServer.File));
    }

    [Fact]
    public async Task AnotherFenceInAnAnswer_SaysThatAllWasLost()
    {
        using var server = new ScriptedLockServer();
        await server.GetAsync(server.Asks(owner: 1), token: 0);

        Task<Result<LockVerdict>> asking = server.AskAsync(server.Asks(owner: 2, handle: 2));
        await server.AnswerNextAsync<SetLockRequest>(ScriptedLockServer.Granted(fence: new LockFence(41)));
        Assert.Equal(default, (await server.ComesAsync<ReclaimLocksRequest>()).Fence);
        server.Answer(new ReclaimLocksReply { Fence = new LockFence(42), Lost = [] });
        await server.AnswerNextAsync<SetLockRequest>(ScriptedLockServer.Granted(fence: new LockFence(42)));

        Assert.Equal(LockVerdict.Granted, (await asking).Value);
        Assert.True(server.Table.IsLost(new FileHandle(1)));
        Assert.Equal(new LockFence(42), server.Fences.Of(ScriptedLockServer.File));
    }
}
