using Afs.Rpc;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Who knows what is claimed and lost with a life. Called under <see cref="LockLives.Gate"/>.</summary>
internal interface IClaimedLocks
{
    /// <summary>All that the server has granted, and what waits there. No item is longer than <see cref="Limits.LocksPerCall"/>.</summary>
    IReadOnlyList<ClaimedLocks> Claims();

    /// <summary>These are lost; null: all are. What is to be done when the gate is free again.</summary>
    Action Lose(IReadOnlyList<Fid>? fids);
}

/// <summary>
/// A time in which the server knows what it granted this client, and the calls about locks in it. A life ends when the server is restarted: in the next all is claimed again, before anything is asked. Or when the lease
/// is over: then all is lost, and the server is told to forget it. A call is repeated until it is answered, or its life is over; no call is under way between two lives.
/// </summary>
internal sealed class LockLives(ViceCalls calls, IClaimedLocks claimed, TimeProvider time, TimeSpan patience, CancellationToken stopping)
{
    /// <summary>Requests that wait for an answer at a time, fewer than the server allows; more wait here, in order.</summary>
    private const int MostCalls = Limits.LockNumbersUnanswered / 4;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly SlotQueue _slots = new(MostCalls);

    // Under the gate.
    private readonly SortedSet<ulong> _unanswered = [];
    private ulong _lastNumber;
    private bool _isRenewing, _hasAsked;

    /// <summary>Of the life and of what its owner keeps in step with it. A leaf, but for <see cref="IHeldLocks"/>.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Under the gate.</summary>
    public LockLife Current { get; private set; } = LockLife.First(stopping);

    /// <summary>How often all was lost. Under the gate.</summary>
    public int Losses { get; private set; }

    /// <summary>Requests so far.</summary>
    public long Asked { get; private set; }

    /// <summary>The life of this moment, once what was held before it is claimed.</summary>
    public async ValueTask<Result<LockLife>> ReadyAsync(OperationContext operation)
    {
        while (true)
        {
            LockLife life = Read();
            try
            {
                if (await life.Ready.WaitAsync(patience, time, operation))
                    return life;
                if (stopping.IsCancellationRequested)
                    return FailureKind.ShuttingDown;
            }
            catch (OperationCanceledException) when (operation.IsInterrupted)
            {
                return FailureKind.Interrupted;
            }
            catch (TimeoutException)
            {
                return FailureKind.Unreachable;
            }
        }
    }

    /// <summary>No reply: the life is over, and what became of it says nothing.</summary>
    /// <param name="request">Its numbers are given here.</param>
    public async ValueTask<(Result<SetLockReply>? Reply, LockNumber Number)> SetLockAsync(LockLife life, SetLockRequest request, Caller caller)
    {
        await _slots.TakeAsync(stopping);
        LockNumber number = BeginAsking();
        try
        {
            Result<SetLockReply>? reply = await CallAsync(life, (vice, context) => vice.SetLockAsync(request with { Number = number, AnsweredBelow = AnsweredBelow() }, context), caller);
            if (reply is { IsSuccess: true, Value.Fence: var fence } && fence != default && !IsOf(life, fence))
            {
                End(isLost: true); // The lease was over, and nobody here has noticed.
                return (null, number);
            }
            return (reply, number);
        }
        finally
        {
            lock (Gate)
                _unanswered.Remove(number.Value);
            _slots.Release();
        }
    }

    /// <summary>Null: the life is over.</summary>
    public async ValueTask<Result<TReply>?> CallAsync<TReply>(LockLife life, Func<IViceService, CallContext, ValueTask<Outcome<TReply>>> call, Caller caller)
    {
        lock (Gate)
        {
            if (!life.TryBeginCall())
                return null;
        }
        try
        {
            while (true)
            {
                Result<TReply> result = await calls.ReadAsync(call, new OperationContext(caller, life.Over));
                if (life.Over.IsCancellationRequested)
                    return null;
                if (result.IsSuccess || result.Failure.Kind == FailureKind.Refused)
                    return result;
                await Task.Delay(Pause, time, life.Over);
            }
        }
        catch (OperationCanceledException) when (life.Over.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            lock (Gate)
                life.EndCall();
        }
    }

    /// <summary>A number for a request that is handed over with a token. Under the gate.</summary>
    public LockNumber NextNumber() => new(++_lastNumber);

    /// <summary>Returns at once.</summary>
    public void End(bool isLost)
    {
        Action after = static () => { };
        bool begins;
        LockLife ended;
        lock (Gate)
        {
            ended = Current;
            Current = ended.Next(isLost, mayBegin: !_hasAsked, stopping);
            if (isLost)
                after = LoseAll();
            begins = _hasAsked && !_isRenewing && !stopping.IsCancellationRequested;
            _isRenewing |= begins;
        }
        ended.End();
        after();
        if (begins)
            BackgroundWork.Start("claiming locks", RenewAsync);
    }

    private LockLife Read()
    {
        lock (Gate)
            return Current;
    }

    private LockNumber BeginAsking()
    {
        lock (Gate)
        {
            (_hasAsked, Asked) = (true, Asked + 1);
            _unanswered.Add(++_lastNumber);
            return new LockNumber(_lastNumber);
        }
    }

    private LockNumber AnsweredBelow()
    {
        lock (Gate)
            return new LockNumber(_unanswered.Min);
    }

    private bool IsOf(LockLife life, LockFence fence)
    {
        lock (Gate)
            return life.IsOf(fence);
    }

    private Action LoseAll()
    {
        Losses++;
        return claimed.Lose(null);
    }

    private async Task RenewAsync()
    {
        await Task.Yield();
        while (true)
        {
            LockLife life = Read();
            await life.WhenEarlierEndedAsync(stopping);
            LockFence? fence = await ClaimAsync(life);
            Action after = static () => { };
            lock (Gate)
            {
                if (life != Current)
                    continue;
                if (life.Claims != default && fence != life.Claims)
                    after = LoseAll();
                _isRenewing = false;
                life.Begin(fence ?? default);
            }
            after();
            return;
        }
    }

    /// <summary>The session's fence from here on. Null: the life is over, or the server knows no locks.</summary>
    private async ValueTask<LockFence?> ClaimAsync(LockLife life)
    {
        IReadOnlyList<ClaimedLocks> all = [];
        LockNumber number;
        lock (Gate)
        {
            if (life.Claims != default)
                all = claimed.Claims();
            number = NextNumber();
        }
        for (int next = 0; ;)
        {
            int first = next;
            for (int locks = 0; next < all.Count && (next == first || locks + SizeOf(all[next]) <= Limits.LocksPerCall); next++)
                locks += SizeOf(all[next]);
            var request = new ReclaimLocksRequest { Fence = life.Claims, Number = number, HasMore = next < all.Count, Locks = [.. all.Skip(first).Take(next - first)] };
            if (await CallAsync(life, (vice, context) => vice.ReclaimLocksAsync(request, context), Caller.Client) is not { IsSuccess: true } reply)
                return null;
            LoseSome(life, [.. reply.Value.Lost.Where(index => (uint)index < (uint)request.Locks.Count).Select(index => request.Locks[index].Fid).Distinct()]);
            if (next >= all.Count || reply.Value.Fence != life.Claims)
                return reply.Value.Fence;
            lock (Gate)
                number = NextNumber();
        }
    }

    private void LoseSome(LockLife life, IReadOnlyList<Fid> fids)
    {
        Action after = static () => { };
        lock (Gate)
        {
            if (life == Current && fids.Count > 0)
                after = claimed.Lose(fids);
        }
        after();
    }

    private static int SizeOf(ClaimedLocks claimed) => 1 + claimed.Held.Count + claimed.Waiting.Count;
}

/// <summary>See <see cref="LockLives"/>, under whose gate it is, but for <see cref="End"/>.</summary>
internal sealed class LockLife
{
    private readonly CancellationTokenSource _over;
    private readonly TaskCompletionSource<bool> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _earlier;
    private int _calls;
    private bool _isOver;

    private LockLife(Task earlier, LockFence claims, CancellationToken stopping)
    {
        (_earlier, Claims) = (earlier, claims);
        _over = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _over.Token.UnsafeRegister(static life => ((LockLife)life!)._ready.TrySetResult(false), this);
    }

    /// <summary>Ends what is asked in it.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>True: requests may be sent. False: it was over before.</summary>
    public Task<bool> Ready => _ready.Task;

    /// <summary>Under which what is held is claimed; zero: nothing is.</summary>
    public LockFence Claims { get; }

    /// <summary>The session's. Zero: it isn't known yet.</summary>
    public LockFence Fence { get; private set; }

    public static LockLife First(CancellationToken stopping)
    {
        var life = new LockLife(Task.CompletedTask, default, stopping);
        life.Begin(default);
        return life;
    }

    /// <param name="mayBegin">Nothing was ever asked: so nothing is to be claimed, or forgotten.</param>
    public LockLife Next(bool isLost, bool mayBegin, CancellationToken stopping)
    {
        _isOver = true;
        if (_calls == 0)
            _idle.TrySetResult();
        var next = new LockLife(Task.WhenAll(_earlier, _idle.Task), isLost ? default : Fence != default ? Fence : Claims, stopping);
        if (mayBegin)
            next.Begin(default);
        return next;
    }

    public void Begin(LockFence fence)
    {
        Fence = fence;
        _ready.TrySetResult(true);
    }

    /// <summary>The first answer says which it is.</summary>
    public bool IsOf(LockFence fence)
    {
        if (Fence == default)
            Fence = fence;
        return Fence == fence;
    }

    public bool TryBeginCall()
    {
        if (_isOver)
            return false;
        _calls++;
        return true;
    }

    public void EndCall()
    {
        if (--_calls == 0 && _isOver)
            _idle.TrySetResult();
    }

    public void End() => _over.Cancel();

    /// <summary>No call of an earlier life is under way.</summary>
    public Task WhenEarlierEndedAsync(CancellationToken stopping) => _earlier.WaitAsync(stopping);
}
