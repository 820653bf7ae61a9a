using Afs.Platform;
using Afs.Rpc;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Callbacks;

/// <summary>Brings breaks to clients: one delivery for each client at a time, which holds nothing that another client or a writer needs.</summary>
internal sealed partial class BreakDelivery(
    Promises promises, LeaseTerms terms, IReadOnlyList<VolumeId> volumes, TimeProvider time, PeerWarnings warnings, ILogger log)
{
    /// <summary>Before a call that failed on a live connection is made again.</summary>
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);

    /// <summary>For who found the queue without a delivery.</summary>
    public void Start(ClientSession session) => BackgroundWork.Start("delivery of breaks", () => DeliverAllAsync(session));

    /// <summary>The session is over: whoever waits for it goes on.</summary>
    public void End(ClientSession session)
    {
        session.HasEnded = true;
        session.Wake();
    }

    private async Task DeliverAllAsync(ClientSession session)
    {
        // The writer's thread has better to do than to write messages.
        await Task.Yield();
        while (session.Breaks.TakeBatch() is { } batch)
        {
            if (await DeliverAsync(session, batch) is { } holder)
                session.Breaks.ReleaseAllBut(holder, session.Holder);
            batch.Release();
        }
    }

    /// <summary>
    /// Returns when the client acknowledged, or can no longer trust what is broken. The value, if any: it trusts nothing that it was promised under
    /// an earlier holder's number than this, so that who waits for more of that goes on too.
    /// </summary>
    private async Task<int?> DeliverAsync(ClientSession session, BreakBatch batch)
    {
        using var stop = new CancellationTokenSource();
        var patience = new BreakPatience(session, terms, time);
        Task<bool>? call = null;
        int? holder = null;
        try
        {
            while (!session.HasEnded)
            {
                TimeSpan left = patience.Left();
                if (left <= TimeSpan.Zero)
                {
                    if (GiveUp(session, patience, batch))
                        return session.Holder;
                    // The call that is under way, if any, broke less than what is to be acknowledged from here on.
                    call = null;
                    continue;
                }
                (IVenusCallbacks? callbacks, Task woken) = session.Connection();
                if (call is null && callbacks is not null)
                {
                    holder = batch.IsEverything ? session.Holder : null;
                    call = CallAsync(callbacks, batch, stop.Token);
                }
                await FirstOfAsync(call, woken, left);
                if (call is not { IsCompleted: true })
                    continue;
                if (await call)
                {
                    promises.Acknowledged(batch.Breaks);
                    if (patience.IsLate && !session.IsWithoutPromises)
                        Late(session, patience.Waited, session.Breaks.AddEverything(out _).Done);
                    return holder;
                }
                call = null;
                await FirstOfAsync(null, woken, left < RetryPause ? left : RetryPause);
            }
            return null;
        }
        finally
        {
            stop.Cancel();
        }
    }

    /// <summary>True: nobody need wait any more.</summary>
    private bool GiveUp(ClientSession session, BreakPatience patience, BreakBatch batch)
    {
        switch (patience.Decide())
        {
            case BreakPatience.Verdict.Lapsed when session.SinceFirstContact == TimeSpan.Zero:
                promises.Lapse(session); // It never came back to this life of the server.
                return true;
            case BreakPatience.Verdict.Lapsed:
                if (MayTell(session, nameof(LogLapsed), out string more))
                    LogLapsed(log, session.Client, session.Peer, session.SinceContact.TotalMilliseconds, more);
                promises.LapseLate(session);
                BeginTrial(session);
                return true;
            case BreakPatience.Verdict.Reset:
                Late(session, patience.Waited, batch.BecomeEverything());
                return false;
            default:
                return true;
        }
    }

    /// <summary>It talks, and keeps others waiting: from here on it is promised nothing. What it may still trust is broken once more.</summary>
    private void Late(ClientSession session, TimeSpan waited, Task untilItTrustsNothing)
    {
        if (MayTell(session, nameof(LogLate), out string more))
            LogLate(log, session.Client, session.Peer, waited.TotalMilliseconds, more);
        promises.ResetLate(session, untilItTrustsNothing);
        BeginTrial(session);
    }

    /// <summary>It talks, and neither sends what it did under tokens that others wait for, nor returns them. The task ends when it trusts nothing any more.</summary>
    public Task KeepsTokens(ClientSession session, TimeSpan waited)
    {
        Task done = session.Breaks.AddEverything(out bool mustDeliver).Done;
        Late(session, waited, done);
        if (mustDeliver)
            Start(session);
        return done;
    }

    /// <summary>One trial at a time; the session's end ends it.</summary>
    public void BeginTrial(ClientSession session)
    {
        if (session.TryBeginTrial())
            BackgroundWork.Start("the trial of a late client", () => TryAsync(session));
    }

    /// <summary>Tells the client to let go of everything, again and again, until it has shown that it is quick. Nobody waits for that.</summary>
    private async Task TryAsync(ClientSession session)
    {
        while (!session.HasEnded)
        {
            await Task.Delay(terms.Lease / 2, time, CancellationToken.None);
            (IVenusCallbacks? callbacks, _) = session.Connection();
            if (callbacks is null && session.IsUnused)
                continue; // Nobody may ever come for it; its client has another.
            long asked = time.GetTimestamp();
            using var stop = new CancellationTokenSource(terms.Patience, time);
            bool hasAnswered = callbacks is not null && await CallAsync(callbacks, Everything, stop.Token);
            if (!session.Punctuality.Answered(hasAnswered ? time.GetElapsedTime(asked) : null))
                continue;
            if (MayTell(session, nameof(LogPromisedAgain), out string more))
                LogPromisedAgain(log, session.Client, session.Peer, more);
            session.EndTrial();
            promises.Trust(session);
            return;
        }
    }

    private Task<bool> CallAsync(IVenusCallbacks callbacks, BreakBatch batch, CancellationToken stop)
    {
        promises.Figures.CountCall(batch.Breaks.Count);
        return CallAsync(callbacks, batch.ToMessage(volumes), stop);
    }

    private async Task<bool> CallAsync(IVenusCallbacks callbacks, BreakPromisesRequest request, CancellationToken stop)
    {
        var context = new CallContext { Cancellation = stop, Deadline = 2 * terms.ServerWait };
        try
        {
            return (await callbacks.BreakPromisesAsync(request, context)).IsReply;
        }
        catch (Exception e)
        {
            // As a call that failed: tried again until the client's lease is over, so that no writer waits longer than for a silent client.
            LogCallFailed(log, e);
            return false;
        }
    }

    private async Task FirstOfAsync(Task? call, Task woken, TimeSpan atMost)
    {
        if (call is { IsCompleted: true })
            return;
        using var timer = new CancellationTokenSource();
        // Task.Delay counts in whole milliseconds and would wait too short.
        Task delay = Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(atMost.TotalMilliseconds)), time, timer.Token);
        await (call is null ? Task.WhenAny(woken, delay) : Task.WhenAny(call, woken, delay));
        timer.Cancel();
    }

    private bool MayTell(ClientSession session, string kind, out string more) => warnings.MayTell(session.Host, kind, out more);

    private BreakPromisesRequest Everything => new() { Breaks = [], Volumes = volumes };

    [LoggerMessage(EventId = 1001, Level = LogLevel.Warning, Message =
        "Client {Client} at {Peer} is silent for {SilentMs} ms: its lease has ended, and it is served without promises until it has shown to be quick{More}")]
    private static partial void LogLapsed(ILogger log, ClientId client, string peer, double silentMs, string more);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Warning, Message =
        "Client {Client} at {Peer} kept a change waiting for {WaitedMs} ms: it is served without promises until it has shown to be quick{More}")]
    private static partial void LogLate(ILogger log, ClientId client, string peer, double waitedMs, string more);

    [LoggerMessage(EventId = 1003, Level = LogLevel.Information, Message = "Client {Client} at {Peer} acknowledges in time, and is promised again{More}")]
    private static partial void LogPromisedAgain(ILogger log, ClientId client, string peer, string more);

    [LoggerMessage(EventId = 1004, Level = LogLevel.Error, Message = "A break could not be sent")]
    private static partial void LogCallFailed(ILogger log, Exception e);
}

/// <summary>
/// The breaks that one client has yet to acknowledge. Those that come while a call is under way go together in the next one, and
/// several of one vnode as one. Bounded: past the bound they become one break of all volumes. Safe for concurrent use.
/// </summary>
internal sealed class BreakQueue
{
    /// <summary>Vnodes that may wait before everything is broken at once.</summary>
    public const int MostPending = 65_536;

    /// <summary>Names in one call: keeps it well below a frame.</summary>
    private const int MostNamesPerCall = 4 * Limits.NamesPerBreak;

    private readonly Lock _lock = new();
    private readonly Dictionary<Fid, PendingBreak> _pending = [];
    private readonly Queue<Fid> _order = new();
    private readonly Queue<Fid> _recalls = new();
    private readonly Queue<LockRecall> _lockRecalls = new();
    private BreakWait? _everything;
    private bool _isDelivering;

    /// <summary>True: nobody delivers, and the caller must see to it.</summary>
    public bool Add(HeldPromise promise, IReadOnlyList<byte[]>? names, BreakWait wait)
    {
        lock (_lock)
        {
            if (!_pending.TryGetValue(promise.Fid, out PendingBreak? pending))
            {
                pending = new PendingBreak(promise);
                _pending.Add(promise.Fid, pending);
                _order.Enqueue(promise.Fid);
            }
            pending.Merge(promise, names, wait);
            return StartDelivering();
        }
    }

    /// <summary>
    /// A write token is to be returned. Nobody waits for the call that says so, but for the return. There are as many as the client has tokens, for each is recalled once.
    /// True: nobody delivers, and the caller must see to it.
    /// </summary>
    public bool AddRecall(Fid fid)
    {
        lock (_lock)
        {
            _recalls.Enqueue(fid);
            return StartDelivering();
        }
    }

    /// <summary>A lock token is to be returned; as a write token.</summary>
    public bool AddRecall(LockRecall recall)
    {
        lock (_lock)
        {
            _lockRecalls.Enqueue(recall);
            return StartDelivering();
        }
    }

    /// <summary>Everything that the client holds is to be broken. The wait is shared until the call that carries it is made.</summary>
    public BreakWait AddEverything(out bool mustDeliver)
    {
        lock (_lock)
        {
            _everything ??= new BreakWait();
            mustDeliver = StartDelivering();
            return _everything;
        }
    }

    public bool IsFull
    {
        get
        {
            lock (_lock)
                return _pending.Count >= MostPending;
        }
    }

    /// <summary>What the next call carries; null: nothing waits, and the delivery has ended.</summary>
    public BreakBatch? TakeBatch()
    {
        lock (_lock)
        {
            if (_everything is null && _pending.Count == 0 && _recalls.Count == 0 && _lockRecalls.Count == 0)
            {
                _isDelivering = false;
                return null;
            }
            var batch = new BreakBatch(_everything);
            _everything = null;
            int names = 0;
            while (batch.Breaks.Count < Limits.BreaksPerCall && names < MostNamesPerCall && _order.TryDequeue(out Fid fid))
            {
                _pending.Remove(fid, out PendingBreak? pending);
                batch.Breaks.Add(pending!);
                names += pending!.NameCount;
            }
            while (batch.Recalls.Count < Limits.BreaksPerCall && _recalls.TryDequeue(out Fid recalled))
                batch.Recalls.Add(recalled);
            while (batch.LockRecalls.Count < Limits.BreaksPerCall && _lockRecalls.TryDequeue(out LockRecall lockRecall))
                batch.LockRecalls.Add(lockRecall);
            return batch;
        }
    }

    /// <summary>Lets go of breaks of what was promised under any other holder's number: nothing of that is trusted any more.</summary>
    public void ReleaseAllBut(int since, int now)
    {
        List<PendingBreak> gone = [];
        lock (_lock)
        {
            for (int i = _order.Count; i > 0; i--)
            {
                Fid fid = _order.Dequeue();
                if (_pending[fid].Promise.Holder is var holder && (holder == since || holder == now))
                    _order.Enqueue(fid);
                else if (_pending.Remove(fid, out PendingBreak? pending))
                    gone.Add(pending);
            }
        }
        foreach (PendingBreak pending in gone)
            pending.Waits.ForEach(static wait => wait.Release());
    }

    /// <summary>INVARIANT: each vnode waits once and in line, somebody waits for it, and where anything waits it is being delivered.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            bool isInLine = _order.Count == _pending.Count && _order.All(_pending.ContainsKey) && _pending.Count <= MostPending;
            bool isWaitedFor = _pending.All(static pair => pair.Value.Promise.Fid == pair.Key && pair.Value.Waits.Count > 0);
            bool isDelivered = _isDelivering || _pending.Count == 0 && _recalls.Count == 0 && _lockRecalls.Count == 0 && _everything is null;
            if (!isInLine || !isWaitedFor || !isDelivered)
                throw new InvalidOperationException($"Break queue: {_pending.Count} wait, {_order.Count} in line, delivered: {_isDelivering}.");
        }
    }

    private bool StartDelivering()
    {
        bool starts = !_isDelivering;
        _isDelivering = true;
        return starts;
    }
}

/// <summary>A promise to be broken, with all who wait for it. Belongs to its client's <see cref="BreakQueue"/>.</summary>
internal sealed class PendingBreak(HeldPromise promise)
{
    private List<byte[]>? _names = [];

    /// <summary>With the ticket of the latest change that it carries.</summary>
    public HeldPromise Promise { get; private set; } = promise;

    public List<BreakWait> Waits { get; } = [];

    /// <summary>How many names it carries.</summary>
    public int NameCount => _names?.Count ?? 0;

    /// <param name="names">Null: any name may have changed.</param>
    public void Merge(HeldPromise promise, IReadOnlyList<byte[]>? names, BreakWait wait)
    {
        Promise = promise;
        Waits.Add(wait);
        if (names is null || _names is null || _names.Count + names.Count > Limits.NamesPerBreak)
            _names = null;
        else
            _names.AddRange(names);
    }

    public PromiseBreak ToMessage() => new()
    {
        Fid = Promise.Fid,
        Names = _names is null ? null : [.. _names.Select(name => new ChangedName { Name = name })],
    };
}

/// <summary>The breaks of one call to a client.</summary>
/// <param name="everything">Who waits for a break of all volumes; null: no such.</param>
internal sealed class BreakBatch(BreakWait? everything)
{
    private BreakWait? _afterReset;

    public List<PendingBreak> Breaks { get; } = [];

    /// <summary>Write tokens that are to be returned.</summary>
    public List<Fid> Recalls { get; } = [];

    /// <summary>Lock tokens that are to be returned.</summary>
    public List<LockRecall> LockRecalls { get; } = [];

    public bool IsEverything => everything is not null || _afterReset is not null;

    public BreakPromisesRequest ToMessage(IReadOnlyList<VolumeId> volumes) => new()
    {
        Breaks = [.. Breaks.Select(pending => pending.ToMessage())],
        Volumes = IsEverything ? volumes : [],
        Recalls = Recalls,
        LockRecalls = LockRecalls,
    };

    /// <summary>The client is reset: from here on the batch breaks everything. The task ends with the batch.</summary>
    public Task BecomeEverything() => (_afterReset ??= new BreakWait()).Done;

    /// <summary>The client let go, or its lease ended: nobody waits any more.</summary>
    public void Release()
    {
        foreach (PendingBreak pending in Breaks)
            pending.Waits.ForEach(wait => wait.Release());
        everything?.Release();
        _afterReset?.Release();
    }
}

/// <summary>What one mutation waits for: a number of holders. Counts down from any thread.</summary>
internal sealed class BreakWait
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // One for the owner, who releases it when all are added.
    private int _remaining = 1;

    public BreakWait() => Done = _done.Task.ContinueHere();

    public Task Done { get; }

    public void Add() => Interlocked.Increment(ref _remaining);

    public void Release()
    {
        if (Interlocked.Decrement(ref _remaining) == 0)
            _done.SetResult();
    }
}

/// <summary>How long one break waits for one client, by whom the lease is kept.</summary>
internal sealed class BreakPatience(ClientSession session, LeaseTerms terms, TimeProvider time)
{
    private readonly long _started = time.GetTimestamp();
    private long? _resetAt = session.IsWithoutPromises ? time.GetTimestamp() : null;

    /// <summary>
    /// Until <see cref="Decide"/>. A silent client's lease ends some time after it was last heard. One that goes on talking without acknowledging
    /// would renew it with each reply; so once it is late it is reset, and trusts nothing from its next reply on, or from the end of the
    /// lease that its last one gave.
    /// </summary>
    public TimeSpan Left()
    {
        if (_resetAt is { } resetAt)
            return terms.ServerWait - time.GetElapsedTime(resetAt);
        TimeSpan untilLapse = terms.ServerWait - session.SinceContact;
        TimeSpan untilLate = IsLate ? HasTalked ? TimeSpan.Zero : terms.Lease / 8 : terms.Patience - Waited;
        return untilLapse < untilLate ? untilLapse : untilLate;
    }

    /// <summary>Others have waited for it for longer than they should.</summary>
    public bool IsLate => Waited >= terms.Patience;

    /// <summary>Once nothing is left: what is to be done.</summary>
    public Verdict Decide()
    {
        if (_resetAt is not null)
            return Verdict.Over;
        if (session.SinceContact >= terms.ServerWait)
            return Verdict.Lapsed;
        _resetAt = time.GetTimestamp();
        return Verdict.Reset;
    }

    /// <summary>How long others have waited, but for the time in which a server that has just started waited for its clients to come back.</summary>
    public TimeSpan Waited => time.GetElapsedTime(_started) is var waited && waited < session.SinceFirstContact ? waited : session.SinceFirstContact;

    private bool HasTalked => session.SinceContact < time.GetElapsedTime(_started);

    internal enum Verdict
    {
        /// <summary>Its lease has ended. It trusts nothing.</summary>
        Lapsed,

        /// <summary>It is to be reset, and waited for once more.</summary>
        Reset,

        /// <summary>It was reset, and cannot trust anything from before that.</summary>
        Over,
    }
}

/// <summary>
/// How punctual a client acknowledges, and what follows from it. One that kept others waiting was late: it is served without promises, so that
/// nobody waits for it again, and is on trial. On trial it is told, every so often, to let go of everything, which nobody waits for; when it has answered each of those
/// in time for as long as the trial lasts, it is promised again. The first trial is short, for anybody may stumble; who is late again soon has a long one.
/// Belongs to a client and is shared by its sessions, so that a new session doesn't end a trial. Safe for concurrent use.
/// </summary>
internal sealed class Punctuality(LeaseTerms terms, TimeProvider time)
{
    /// <summary>Leases that a trial lasts: the first, and any that follows within <see cref="Memory"/>.</summary>
    private const int FirstTrial = 1, LaterTrial = 360;

    /// <summary>How long after its end a trial still counts.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromHours(2);

    private readonly Lock _lock = new();
    private TimeSpan _length;
    private long? _quickSince, _acquitted;
    private bool _isOnTrial, _isOfLateness;

    public bool IsOnTrial
    {
        get
        {
            lock (_lock)
                return _isOnTrial;
        }
    }

    /// <summary>It talked, and somebody waited for it. What it answered in time before counts no more.</summary>
    public void WasLate()
    {
        lock (_lock)
        {
            bool isFirst = !_isOnTrial && (_acquitted is not { } last || time.GetElapsedTime(last) > Memory);
            Begin(isFirst ? FirstTrial : LaterTrial);
            _isOfLateness = true;
        }
    }

    /// <summary>
    /// Somebody waited for the end of its lease. A machine that was switched off, cut off or suspended is not careless, however often: its trial is always a
    /// short one, and none that counts later.
    /// </summary>
    public void WentSilent()
    {
        lock (_lock)
            Begin(FirstTrial);
    }

    private void Begin(int leases)
    {
        if (!_isOnTrial)
            _length = terms.Lease * leases;
        (_isOnTrial, _quickSince) = (true, null);
    }

    /// <summary>What became of a break of its trial; true: the trial is over.</summary>
    /// <param name="taken">How long that took; null: it didn't answer.</param>
    public bool Answered(TimeSpan? taken)
    {
        lock (_lock)
        {
            if (!_isOnTrial)
                return true;
            if (taken is null || taken > terms.Patience)
            {
                _quickSince = null;
                return false;
            }
            _quickSince ??= time.GetTimestamp();
            if (time.GetElapsedTime(_quickSince.Value) < _length)
                return false;
            _acquitted = _isOfLateness ? time.GetTimestamp() : _acquitted;
            (_isOnTrial, _isOfLateness) = (false, false);
            return true;
        }
    }
}
