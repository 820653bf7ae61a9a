using Afs.Rpc;
using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// The locks of one volume in the cell: what is asked of the server, and the tokens that it gave. What processes hold, <see cref="IHeldLocks"/> owns; both agree by these rules:
/// <list type="number">
/// <item>Of each file one thing at a time goes to the server or comes from it, in the order of asking (its turn): a request, a decision, a return. A recall that overtakes the answer which brings its token waits for it so.</item>
/// <item>A grant counts when the content that its process will see is current, and not before: until then it has the turn.</item>
/// <item>A token goes back after what was written is stored: also what is still open, as it stands. What is held and waits goes with it, and is the server's from then on.</item>
/// <item>A request is repeated under its number until it is answered, or the life is over in which it was asked.</item>
/// <item>A life ends when the server is restarted: then all is claimed again, and what was not answered is asked anew. Or when the lease is over: then all is lost, and the server is told to forget it. No request is under
/// way between two lives.</item>
/// </list>
/// It owns tokens, numbers and what is queued. Its lock is held for lookups, and while the table is told, never across a wait.
/// </summary>
internal sealed partial class CellLocks : ICellLocks, IClaimedLocks
{
    /// <summary>Tokens held at a time. One more, and those of files of which nothing is held are returned.</summary>
    public const int MostTokens = 1 << 14;

    /// <summary>Requests that wait at the server: each is an operation of the kernel, of which all together may have 4096.</summary>
    public const int MostQueued = 1024;

    /// <summary>Rounds of a request that lives end under.</summary>
    private const int MostRounds = 64;

    private readonly LockFences _fences;
    private readonly Func<Fid, OperationContext, ValueTask<Failure>> _storeOpen;
    private readonly Func<ValueTask> _earlierReleases;
    private readonly TimeProvider _time;
    private readonly TimeSpan _patience;
    private readonly ILogger _log;
    private readonly CancellationToken _stopping;
    private readonly LockLives _lives;

    /// <summary>That of the lives.</summary>
    private readonly Lock _lock;

    // Under the lock.
    private readonly Dictionary<Fid, CellFile> _files = [];
    private int _tokens, _queued;
    private bool _isTrimming;
    private long _recalled, _lost;

    private IHeldLocks? _held;

    /// <param name="storeOpen">Stores what this client changed of a file, also what is still open, as it stands.</param>
    /// <param name="earlierReleases"><inheritdoc cref="IKernelCaches.EarlierReleasesAsync"/></param>
    /// <param name="patience">How long a process waits where nothing goes on.</param>
    public CellLocks(
        ViceCalls calls, LockFences fences, Func<Fid, OperationContext, ValueTask<Failure>> storeOpen, Func<ValueTask> earlierReleases, TimeProvider time, TimeSpan patience, ILogger log,
        CancellationToken stopping)
    {
        (_fences, _storeOpen, _earlierReleases, _time, _patience, _log, _stopping) = (fences, storeOpen, earlierReleases, time, patience, log, stopping);
        _lives = new LockLives(calls, this, time, patience, stopping);
        _lock = _lives.Gate;
    }

    private IHeldLocks Held => _held ?? throw new InvalidOperationException("Nobody holds locks yet.");

    public void Attach(IHeldLocks held) => _held = held;

    public IReadOnlyList<Figure> ReadFigures()
    {
        lock (_lock)
        {
            return
            [
                new Figure { Name = "locks.tokens", Value = _tokens },
                new Figure { Name = "locks.queued", Value = _queued },
                new Figure { Name = "locks.asked", Value = _lives.Asked },
                new Figure { Name = "locks.recalled", Value = _recalled },
                new Figure { Name = "locks.lost", Value = _lost },
            ];
        }
    }

    public ValueTask<Result<LockVerdict>> AskAsync(AskedLock asked, OperationContext operation)
    {
        CellFile file = Enter(asked.Fid);
        return InTurnAsync(file, operation, () => AskInTurnAsync(file, asked, operation));
    }

    public async ValueTask<bool> WithdrawAsync(AskedLock asked)
    {
        bool isWithdrawn = false;
        CellFile file = Enter(asked.Fid);
        await InTurnAsync(file, async () => isWithdrawn = await WithdrawInTurnAsync(file, asked));
        return isWithdrawn;
    }

    public async ValueTask<Failure> UnlockAsync(Fid fid, IReadOnlyList<LockRange> ranges, bool storesFirst, OperationContext operation)
    {
        Failure stored = Failure.None;
        CellFile file = Enter(fid);
        int losses;
        lock (_lock)
        {
            losses = _lives.Losses;
            file.LettingGo.AddRange(ranges); // Until what was written is stored nobody else may have them, whatever happens to the server.
        }
        await InTurnAsync(file, async () =>
        {
            if (storesFirst)
                stored = await _storeOpen(fid, new OperationContext(operation.Caller, _stopping)); // Also where a signal ends the wait of who closes.
            foreach (LockRange range in ranges)
                await UnlockInTurnAsync(fid, range, losses, operation.Caller);
            lock (_lock)
            {
                foreach (LockRange range in ranges)
                    file.LettingGo.Remove(range);
                ForgetFence(file, stored);
            }
        });
        return stored;
    }

    /// <summary>What a daemon before this one recorded as held: the server is asked for it anew, since the session is another one. Returns at once; nothing else is asked of these files before.</summary>
    public void TakeOver(IReadOnlyList<Fid> fids)
    {
        foreach (Fid fid in fids)
        {
            CellFile file = Enter(fid);
            BackgroundWork.Start("asking for a predecessor's locks", () => InTurnAsync(file, () => TakeOverInTurnAsync(file)));
        }
    }

    /// <summary>The server wants these back, for others. Returns at once.</summary>
    public void Recall(IReadOnlyList<LockRecall> recalls)
    {
        foreach (LockRecall recall in recalls)
        {
            if (TryEnter(recall.Fid, out CellFile? file))
                BackgroundWork.Start("returning a lock token", () => InTurnAsync(file, () => ReturnInTurnAsync(file, recall.Token)));
        }
    }

    /// <summary>What became of requests that were queued. Returns at once.</summary>
    public void Decided(LocksDecidedRequest request)
    {
        LockLife life;
        lock (_lock)
            life = _lives.Current;
        if (request.LostFence != default && request.LostFence == life.Fence)
            _lives.End(isLost: true);
        foreach (LockDecision decision in request.Decisions)
        {
            if (TryEnter(decision.Fid, out CellFile? file))
                BackgroundWork.Start("a lock's decision", () => InTurnAsync(file, () => DecideInTurnAsync(file, decision)));
        }
    }

    /// <summary>Returns at once.</summary>
    public void TrustLost(SuspectReason reason)
    {
        if (reason is SuspectReason.LeaseEnded or SuspectReason.NewSession or SuspectReason.ServerReset)
            _lives.End(isLost: true);
        else if (reason == SuspectReason.ServerRestarted)
            _lives.End(isLost: false);
    }

    private async ValueTask<Result<LockVerdict>> AskInTurnAsync(CellFile file, AskedLock asked, OperationContext operation)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            if (Held.IsHere(asked.Fid))
                return LockVerdict.IsHolders;
            if (asked.Waits && IsFull())
                return LockVerdict.TooMany;
            Result<LockLife> ready = await _lives.ReadyAsync(operation);
            if (!ready.IsSuccess)
                return ready.Failure;
            LockLife life = ready.Value;
            var request = new SetLockRequest { Fid = asked.Fid, Range = asked.Range, Waits = asked.Waits, IsTest = asked.IsTest, Number = default, AnsweredBelow = default };
            (Result<SetLockReply>? answer, LockNumber number) = await _lives.SetLockAsync(life, request, operation.Caller);
            if (answer is not { } reply)
                continue;
            if (!reply.IsSuccess)
            {
                if (reply.Failure != AbortCodes.NoVnode)
                    return reply.Failure;
                Held.TakeHere(asked.Fid, isGone: true); // It is gone: only who has it open here can ask for it.
                continue;
            }
            asked.Conflict = reply.Value.Conflict;
            switch (reply.Value.Verdict)
            {
                case LockVerdict.Granted when asked.IsTest:
                    return LockVerdict.Granted;
                case LockVerdict.Granted:
                    Failure failure = await CurrentAsync(asked);
                    if (!failure.IsNone)
                    {
                        await LetGoAsync(life, file, asked, reply.Value.Token, operation.Caller);
                        return failure;
                    }
                    if (TryTake(life, file, asked, reply.Value.Token, reply.Value.Fence))
                        return LockVerdict.Granted;
                    continue;
                case LockVerdict.Queued:
                    if (TryQueue(life, file, asked, number))
                        return LockVerdict.Queued;
                    continue;
                case LockVerdict.Late:
                    continue;
                case LockVerdict.IsHolders:
                    LogUnknownToken(asked.Fid);
                    _lives.End(isLost: true);
                    continue;
                default:
                    if (!asked.IsTest)
                        Held.LetGoToChange(asked);
                    return reply.Value.Verdict;
            }
        }
        return FailureKind.Unreachable;
    }

    /// <summary>What was written under a lock that was lost goes first, where it can't be taken for anybody's: then the content is the server's.</summary>
    private async ValueTask<Failure> CurrentAsync(AskedLock asked)
    {
        bool isAnothers;
        lock (_lock)
            isAnothers = _fences.Of(asked.Fid) is var fence && fence != default && fence != _lives.Current.Fence;
        if (isAnothers)
            await _storeOpen(asked.Fid, OperationContext.OfClient(_stopping));
        return await asked.BringCurrentAsync();
    }

    /// <summary>False: the life is over, and the grant void.</summary>
    private bool TryTake(LockLife life, CellFile file, AskedLock asked, LockTokenNumber token, LockFence fence)
    {
        bool isFull;
        lock (_lock)
        {
            if (life != _lives.Current)
                return false;
            if (token != default && file.Token == default)
                _tokens++;
            file.Token = token;
            _fences.Set(file.Fid, fence);
            Held.Granted(asked, isHere: token != default);
            isFull = _tokens > MostTokens && !_isTrimming;
            _isTrimming |= isFull;
        }
        if (isFull)
            BackgroundWork.Start("returning lock tokens", TrimAsync);
        return true;
    }

    private bool TryQueue(LockLife life, CellFile file, AskedLock asked, LockNumber number)
    {
        lock (_lock)
        {
            if (life != _lives.Current)
                return false;
            Queue(file, asked, number);
            if (!asked.IsTest)
                Held.LetGoToChange(asked);
            return true;
        }
    }

    private bool IsFull()
    {
        lock (_lock)
            return _queued >= MostQueued;
    }

    /// <summary>Under the lock, as the next.</summary>
    private void Queue(CellFile file, AskedLock asked, LockNumber number)
    {
        asked.Number = number;
        file.Asked[number] = asked;
        _queued++;
    }

    private bool Unqueue(CellFile file, LockNumber number)
    {
        bool wasQueued = file.Asked.Remove(number);
        _queued -= wasQueued ? 1 : 0;
        return wasQueued;
    }

    /// <summary>It was granted, and can't be used.</summary>
    private async ValueTask LetGoAsync(LockLife life, CellFile file, AskedLock asked, LockTokenNumber token, Caller caller)
    {
        if (token != default)
        {
            await _lives.CallAsync(
                life, (vice, context) => vice.ReturnLocksAsync(new ReturnLocksRequest { Fid = file.Fid, Token = token, Held = [], Waiting = [] }, context), caller);
            return;
        }
        await _lives.SetLockAsync(life, ToUnlock(file.Fid, asked.Range), caller);
    }

    private async ValueTask UnlockInTurnAsync(Fid fid, LockRange range, int losses, Caller caller)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            LockLife life;
            lock (_lock)
            {
                if (Held.IsHere(fid) || losses != _lives.Losses)
                    return; // By now it is for this client to know, or lost.
                life = _lives.Current;
            }
            // A later life claims it as held until here: so it is repeated there.
            if (await life.Ready.WaitAsync(_stopping) && (await _lives.SetLockAsync(life, ToUnlock(fid, range), caller)).Reply is not null)
                return;
        }
    }

    private static SetLockRequest ToUnlock(Fid fid, LockRange range) =>
        new() { Fid = fid, Range = range with { Mode = LockMode.Unlock }, Number = default, AnsweredBelow = default };

    private async ValueTask<bool> WithdrawInTurnAsync(CellFile file, AskedLock asked)
    {
        for (int round = 0; round < MostRounds; round++)
        {
            lock (_lock)
            {
                if (!file.Asked.ContainsKey(asked.Number))
                    return false;
            }
            Result<LockLife> life = await _lives.ReadyAsync(OperationContext.OfClient(_stopping));
            if (!life.IsSuccess)
                break; // Nobody hears it: the lease is over before anybody hears of it again.
            var request = new WithdrawLockRequest { Fid = file.Fid, Number = asked.Number };
            if (await _lives.CallAsync(life.Value, (vice, context) => vice.WithdrawLockAsync(request, context), Caller.Client) is not { } reply)
                continue;
            if (reply is { IsSuccess: true, Value.IsWithdrawn: false })
                return false;
            break;
        }
        lock (_lock)
            return Unqueue(file, asked.Number);
    }

    private async ValueTask DecideInTurnAsync(CellFile file, LockDecision decision)
    {
        AskedLock? asked;
        LockLife life;
        lock (_lock)
        {
            life = _lives.Current;
            if (!file.Asked.TryGetValue(decision.Number, out asked))
                return; // It was withdrawn, or decided before.
        }
        if (decision.Verdict != LockVerdict.Granted || asked.IsTest)
        {
            lock (_lock)
                Unqueue(file, decision.Number);
            asked.Conflict = decision.Conflict;
            asked.Decide(decision.Verdict);
            return;
        }
        Failure failure = await CurrentAsync(asked);
        if (!failure.IsNone)
        {
            await _lives.SetLockAsync(life, ToUnlock(file.Fid, asked.Range), Caller.Client);
            lock (_lock)
                Unqueue(file, decision.Number);
            asked.Decide(failure);
            return;
        }
        lock (_lock)
        {
            if (life != _lives.Current)
                return; // It was claimed as one that waits, or is lost: what becomes of it is said again.
            Unqueue(file, decision.Number);
            _fences.Set(file.Fid, decision.Fence);
            Held.Granted(asked, isHere: false);
        }
        asked.Decide(LockVerdict.Granted);
    }

    /// <summary>Rule 3.</summary>
    private async ValueTask ReturnInTurnAsync(CellFile file, LockTokenNumber token)
    {
        await _earlierReleases(); // What was closed before this isn't held any more.
        IReadOnlyList<LockRange> held;
        List<WaitingLock> waiting = [];
        lock (_lock)
        {
            if (file.Token != token)
                return;
            (held, IReadOnlyList<AskedLock> waiters) = Held.Surrender(file.Fid);
            foreach (AskedLock waiter in waiters)
            {
                Queue(file, waiter, _lives.NextNumber());
                waiting.Add(new WaitingLock(waiter.Range, waiter.Number));
            }
            _recalled++;
        }
        Failure stored = await _storeOpen(file.Fid, OperationContext.OfClient(_stopping));
        if (!stored.IsNone)
            LogNotStored(file.Fid, stored);
        for (int round = 0; round < MostRounds; round++)
        {
            LockLife life;
            lock (_lock)
            {
                if (file.Token != token)
                    return; // It was lost.
                life = _lives.Current;
            }
            if (await life.Ready.WaitAsync(_stopping) && await ReturnAllAsync(life, file.Fid, token, held, waiting))
                break;
        }
        lock (_lock)
        {
            if (file.Token != token)
                return;
            file.Token = default;
            _tokens--;
            ForgetFence(file, stored);
        }
    }

    /// <summary>Nothing is held, what was written is stored, and nobody goes on who lost a lock: what is written from here on is under none. Under the lock.</summary>
    private void ForgetFence(CellFile file, Failure stored)
    {
        // A store that was refused for its fence is no version of anybody's.
        bool isStored = stored.IsNone || stored == AbortCodes.LockLost;
        if (isStored && file.Token == default && file.LettingGo.Count == 0 && file.Asked.Count == 0 && !Held.HasLost(file.Fid) && Held.RangesOf(file.Fid).Count == 0)
            _fences.Clear(file.Fid);
    }

    /// <summary>False: the life is over before all was said.</summary>
    private async ValueTask<bool> ReturnAllAsync(LockLife life, Fid fid, LockTokenNumber token, IReadOnlyList<LockRange> held, IReadOnlyList<WaitingLock> waiting)
    {
        int ofHeld = (held.Count + Limits.LocksPerCall - 1) / Limits.LocksPerCall, ofWaiting = (waiting.Count + Limits.LocksPerCall - 1) / Limits.LocksPerCall;
        int parts = Math.Max(1, Math.Max(ofHeld, ofWaiting));
        for (int part = 0; part < parts; part++)
        {
            var request = new ReturnLocksRequest
            {
                Fid = fid,
                Token = token,
                Part = part,
                HasMore = part < parts - 1,
                Held = [.. held.Skip(part * Limits.LocksPerCall).Take(Limits.LocksPerCall)],
                Waiting = [.. waiting.Skip(part * Limits.LocksPerCall).Take(Limits.LocksPerCall)],
            };
            if (await _lives.CallAsync(life, (vice, context) => vice.ReturnLocksAsync(request, context), Caller.Client) is null)
                return false;
        }
        return true;
    }

    private async ValueTask TakeOverInTurnAsync(CellFile file)
    {
        foreach (LockRange range in Held.RangesOf(file.Fid))
        {
            (Result<SetLockReply>? Reply, LockNumber Number) asked = default;
            LockLife life = LockLife.First(_stopping);
            for (int round = 0; round < MostRounds && asked.Reply is null; round++)
            {
                lock (_lock)
                    life = _lives.Current;
                if (await life.Ready.WaitAsync(_stopping))
                    asked = await _lives.SetLockAsync(life, new SetLockRequest { Fid = file.Fid, Range = range, Number = default, AnsweredBelow = default }, Caller.Client);
            }
            bool isGranted = asked.Reply is { IsSuccess: true, Value.Verdict: LockVerdict.Granted };
            lock (_lock)
            {
                if (isGranted && life == _lives.Current && asked.Reply!.Value.Value is var reply)
                {
                    _fences.Set(file.Fid, reply.Fence);
                    if (reply.Token == default)
                        continue;
                    file.Token = reply.Token;
                    _tokens++;
                    Held.TakeHere(file.Fid, isGone: false);
                    return;
                }
                Held.Lose(file.Fid);
                _lost++;
            }
            LogLost(1);
            // What was granted of it, or may be later, is let go of.
            _lives.End(isLost: true);
            return;
        }
    }

    private async Task TrimAsync()
    {
        (CellFile File, LockTokenNumber Token)[] idle;
        lock (_lock)
        {
            idle = [.. _files.Values.Where(file => file.Token != default && file.Users == 0 && Held.RangesOf(file.Fid).Count == 0).Take(MostTokens / 4).Select(static file => (file, file.Token))];
            foreach ((CellFile file, _) in idle)
                file.Users++;
        }
        foreach ((CellFile file, LockTokenNumber token) in idle)
            await InTurnAsync(file, () => ReturnInTurnAsync(file, token));
        lock (_lock)
            _isTrimming = false;
    }

    IReadOnlyList<ClaimedLocks> IClaimedLocks.Claims()
    {
        foreach (CellFile file in _files.Values)
        {
            foreach (AskedLock tested in file.Asked.Values.Where(static asked => asked.IsTest).ToArray())
            {
                Unqueue(file, tested.Number);
                tested.Decide(LockVerdict.Late); // It is asked anew.
            }
        }
        return [.. _files.Values.SelectMany(ClaimsOf)];
    }

    /// <summary>The fences stay: so a store of what was written under these is refused.</summary>
    Action IClaimedLocks.Lose(IReadOnlyList<Fid>? fids)
    {
        List<AskedLock> lost = [];
        List<Fid> tainted = [];
        foreach (CellFile file in fids is null ? _files.Values : fids.Where(_files.ContainsKey).Select(fid => _files[fid]))
        {
            if (file.Token != default)
                _tokens--;
            file.Token = default;
            lost.AddRange(file.Asked.Values);
            _queued -= file.Asked.Count;
            file.Asked.Clear();
            lost.AddRange(Held.Lose(file.Fid));
            if (Held.HasLost(file.Fid))
                _lost++;
            if (_fences.Of(file.Fid) != default)
                tainted.Add(file.Fid);
        }
        return () => Tell(lost, tainted);
    }

    private void Tell(List<AskedLock> lost, List<Fid> tainted)
    {
        foreach (AskedLock asked in lost)
            asked.Decide(LockVerdict.Late);
        if (tainted.Count == 0)
            return;
        LogLost(tainted.Count);
        foreach (Fid fid in tainted)
            BackgroundWork.Start("what was written under a lost lock", () => UnlockAsync(fid, [], storesFirst: true, OperationContext.OfClient(_stopping)).AsTask());
    }

    private IEnumerable<ClaimedLocks> ClaimsOf(CellFile file)
    {
        if (file.Token != default)
        {
            yield return new ClaimedLocks { Fid = file.Fid, Token = file.Token };
            yield break;
        }
        if (Held.IsHere(file.Fid))
            yield break;
        foreach (LockRange[] held in Held.RangesOf(file.Fid).Concat(file.LettingGo).Chunk(Limits.LocksPerCall / 2))
            yield return new ClaimedLocks { Fid = file.Fid, Held = held };
        foreach (WaitingLock[] waiting in file.Asked.OrderBy(static asked => asked.Key.Value).Select(static asked => new WaitingLock(asked.Value.Range, asked.Key)).Chunk(Limits.LocksPerCall / 2))
            yield return new ClaimedLocks { Fid = file.Fid, Waiting = waiting };
    }

    /// <summary>For a process that waits, as long as it does. It has entered the file.</summary>
    private async ValueTask<Result<T>> InTurnAsync<T>(CellFile file, OperationContext operation, Func<ValueTask<Result<T>>> work)
    {
        using var limit = new CancellationTokenSource(_patience, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(operation.Interrupted, limit.Token, _stopping);
        try
        {
            await file.Turn.TakeAsync(both.Token);
        }
        catch (OperationCanceledException)
        {
            Leave(file);
            return operation.IsInterrupted ? FailureKind.Interrupted : _stopping.IsCancellationRequested ? FailureKind.ShuttingDown : FailureKind.Unreachable;
        }
        try
        {
            return await work();
        }
        finally
        {
            file.Turn.Release();
            Leave(file);
        }
    }

    private async Task InTurnAsync(CellFile file, Func<ValueTask> work)
    {
        try
        {
            await file.Turn.TakeAsync(_stopping);
            try
            {
                await work();
            }
            finally
            {
                file.Turn.Release();
            }
        }
        finally
        {
            Leave(file);
        }
    }

    private CellFile Enter(Fid fid)
    {
        lock (_lock)
        {
            if (!_files.TryGetValue(fid, out CellFile? file))
                _files[fid] = file = new CellFile(fid);
            file.Users++;
            return file;
        }
    }

    private bool TryEnter(Fid fid, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out CellFile? file)
    {
        lock (_lock)
        {
            if (!_files.TryGetValue(fid, out file))
                return false;
            file.Users++;
            return true;
        }
    }

    private void Leave(CellFile file)
    {
        lock (_lock)
        {
            if (--file.Users == 0 && file.Token == default && file.Asked.Count == 0 && _fences.Of(file.Fid) == default)
                _files.Remove(file.Fid);
        }
    }

    /// <summary>What is known of one file while it has a token, requests that wait, ranges that the server granted, or somebody who asks.</summary>
    private sealed class CellFile(Fid fid)
    {
        public Fid Fid => fid;

        public SlotQueue Turn { get; } = new(1);

        /// <summary>Who has its turn, or waits for it.</summary>
        public int Users { get; set; }

        /// <summary>Zero: the server decides. While the turn is one that returns it the table has let go of it already.</summary>
        public LockTokenNumber Token { get; set; }

        public Dictionary<LockNumber, AskedLock> Asked { get; } = [];

        /// <summary>No process holds these any more, and the server doesn't know it yet.</summary>
        public List<LockRange> LettingGo { get; } = [];
    }

    [LoggerMessage(EventId = 290, Level = LogLevel.Warning, Message = "The server took the locks of {Files} files, for this client was not heard for longer than its lease. Who held them is told by EIO")]
    private partial void LogLost(int files);

    [LoggerMessage(EventId = 291, Level = LogLevel.Warning, Message = "The lock of {Fid} goes to another client, and what was written under it could not be stored: {Failure}")]
    private partial void LogNotStored(Fid fid, Failure failure);

    [LoggerMessage(EventId = 292, Level = LogLevel.Error, Message = "The server says that this client has the lock token of {Fid}, of which it doesn't know: all its locks are given up")]
    private partial void LogUnknownToken(Fid fid);
}

/// <summary>What the server calls about locks.</summary>
internal sealed class LockCallbacks(IVenusCallbacks next, CellLocks locks) : IVenusCallbacks
{
    public ValueTask<Outcome<BreakPromisesReply>> BreakPromisesAsync(BreakPromisesRequest request, CallContext context)
    {
        if (request.LockRecalls.Count > 0)
            locks.Recall(request.LockRecalls);
        return next.BreakPromisesAsync(request, context);
    }

    public ValueTask<Outcome<LocksDecidedReply>> LocksDecidedAsync(LocksDecidedRequest request, CallContext context)
    {
        locks.Decided(request);
        return ValueTask.FromResult<Outcome<LocksDecidedReply>>(new LocksDecidedReply());
    }
}
