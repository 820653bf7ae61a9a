using System.Collections.Concurrent;
using Afs.Rpc;
using Afs.Rules;
using Afs.Wire;
using Microsoft.Extensions.Logging;

namespace Afs.Vice.Callbacks;

/// <summary>
/// Grants promises and breaks them. The rules:
/// <list type="number">
/// <item>A promise is registered before what it covers is read, so that a change either shows in the read or finds the promise.</item>
/// <item>After a commit all other holders of what changed are told at once, and the writer's reply waits until each has acknowledged
/// or its lease has ended. Nothing is held meanwhile; each client has a delivery of its own.</item>
/// <item>A break that is not acknowledged still counts as a promise: later changes wait for it too.</item>
/// <item>A client that lets its lease end loses all, by a reset that is in every reply to it. So it costs one lease, once.</item>
/// <item>A break of everything (after a restart, or where too many wait) makes every change wait for that client until it answers or lapses.</item>
/// <item>A client that keeps a change waiting was late. It is reset, and every change waits for it until it acknowledges that, or for one lease more: the
/// reply that tells it of the reset may be lost. From then on it is served without promises, so that nobody waits for it again, until it has
/// shown to be quick (<see cref="Punctuality"/>).</item>
/// </list>
/// </summary>
public sealed class Promises
{
    /// <summary>Promises dropped with the table's lock held.</summary>
    private const int DropPiece = 4096;

    private readonly PromiseTable _table;
    private readonly HolderNumbers _holders = new();
    private readonly BreakDelivery _delivery;
    private readonly LeaseTerms _terms;
    private readonly HashSet<VolumeId> _volumes;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<(ClientSession Session, Task Done), bool> _barriers = new();

    public Promises(int capacity, int mostTokens, LeaseTerms terms, IReadOnlyList<VolumeId> volumes, TimeProvider time, PeerWarnings warnings, ILogger log)
    {
        _table = new PromiseTable(capacity);
        Tokens = new WriteTokens(mostTokens, time, SendRecall);
        (_terms, _volumes, _time) = (terms, [.. volumes], time);
        _delivery = new BreakDelivery(this, terms, volumes, time, warnings, log);
    }

    public CallbackFigures Figures { get; } = new();

    /// <summary>Who may change what without asking.</summary>
    public WriteTokens Tokens { get; }

    /// <summary>A session's lease is over, or itself, which is marked already: what it held by anything but promises and write tokens goes too. Called on any thread; must not wait.</summary>
    internal Action<ClientSession>? Fell { get; set; }

    /// <summary>A client's lease ended without an acknowledgement. Called on any thread; must not wait.</summary>
    internal Action<ClientSession>? Lapsed { get; set; }

    /// <summary>Promises held.</summary>
    public int Count => _table.Count;

    /// <param name="earlier">Sessions of the same client: one that was late is so in its next session too.</param>
    internal ClientSession NewSession(SessionId id, ClientId client, bool isLapsed, IReadOnlyList<ClientSession> earlier)
    {
        int holder = _holders.Take();
        Punctuality punctuality = earlier.Count > 0 ? earlier[0].Punctuality : new Punctuality(_terms, _time);
        var session = new ClientSession(id, client, holder, isLapsed, punctuality, _time);
        _holders.Assign(holder, session);
        if (punctuality.IsOnTrial)
        {
            Reset(session, isWithoutPromises: true);
            _delivery.BeginTrial(session);
        }
        return session;
    }

    /// <summary>
    /// Registers promises; then the caller reads. Where other sessions hold write tokens on some of these, they are recalled, and the call waits for them, without a thread. Of a volume that isn't here there is
    /// nothing to promise. Where the table is overwhelmed the client loses all, and its reply says so.
    /// </summary>
    /// <exception cref="CallPutOffException">Too many wait.</exception>
    public async ValueTask GrantAsync(ClientSession session, IReadOnlyList<Fid> fids)
    {
        if (fids.Count == 0)
            return;
        do
        {
            while (Tokens.Ask(session.Id, fids) is { } free)
                await Tokens.Waits.WaitAsync(session.Id, free);
        }
        while (Grant(session, fids, isNew: false) < fids.Count);
    }

    /// <summary>Registers promises on what a session's mutation touched or made, or on what it has write tokens for. By the writer.</summary>
    public void Grant(ClientSession session, IReadOnlyList<Fid> fids) => Grant(session, fids, isNew: true);

    /// <summary>Registers promises, but on those on which others hold write tokens, or may.</summary>
    /// <returns>How many may be read now.</returns>
    public int GrantFree(ClientSession session, IReadOnlyList<Fid> fids) => Grant(session, fids, isNew: false);

    /// <param name="isNew">They may be told of though sessions have yet to claim what they held.</param>
    private int Grant(ClientSession session, IReadOnlyList<Fid> fids, bool isNew)
    {
        List<HeldPromise> evicted = [];
        bool isOverwhelmed = false;
        int count = 0;
        using (Tokens.EnterScope())
        {
            foreach (Fid fid in fids)
            {
                if (!Tokens.MayPromise(session.Id, fid, isNew))
                    continue;
                count++;
                // One whose lease ended while the call waited trusts nothing, and nobody waits for it.
                if (!isOverwhelmed && !session.IsWithoutPromises && !session.IsLapsed && _volumes.Contains(fid.Volume))
                    isOverwhelmed = !_table.TryGrant(session.Holder, fid, evicted);
            }
        }
        if (isOverwhelmed)
        {
            BreakEverything(session);
            Reset(session);
        }
        if (evicted.Count > 0)
            Evict(evicted);
        return count;
    }

    public void GiveUp(ClientSession session, IEnumerable<Fid> fids)
    {
        foreach (Fid fid in fids)
            _table.GiveUp(session.Holder, fid);
    }

    /// <summary>Promises that a client holds.</summary>
    public int CountOf(ClientSession session) => _table.CountOf(session.Holder);

    public bool Holds(ClientSession session, Fid fid) => _table.IsHeld(session.Holder, fid);

    /// <summary>Tells all holders but the writer. The task ends when none of them trusts what changed.</summary>
    public Task Break(IReadOnlyList<VnodeChange> changes, ClientSession? writer)
    {
        BreakWait? wait = null;
        List<HeldPromise> holders = [];
        foreach (VnodeChange change in changes)
        {
            holders.Clear();
            _table.Collect(change.Fid, writer?.Holder ?? -1, holders);
            foreach (HeldPromise held in holders)
                Tell(held, change.Names, wait ??= new BreakWait());
        }
        wait?.Release();
        return Settled(writer, wait?.Done);
    }

    /// <summary>Ends when no client but the writer has a break of everything to acknowledge, and with <paramref name="breaks"/>.</summary>
    public Task Settled(ClientSession? writer, Task? breaks = null)
    {
        if (_barriers.IsEmpty)
            return breaks ?? Task.CompletedTask;
        IEnumerable<Task> barriers = _barriers.Keys.Where(barrier => barrier.Session != writer).Select(barrier => barrier.Done);
        return Task.WhenAll(breaks is null ? barriers : barriers.Append(breaks));
    }

    /// <summary>Some client has a break of everything to acknowledge.</summary>
    public bool HasBarriers => !_barriers.IsEmpty;

    /// <summary>Breaks all that the client holds, or held of an earlier life of the server, and makes every change wait for it.</summary>
    public void BreakEverything(ClientSession session)
    {
        Hold(session, session.Breaks.AddEverything(out bool mustDeliver).Done);
        Tokens.RecallAll(session);
        if (mustDeliver)
            _delivery.Start(session);
    }

    /// <summary>All promises of the client are void, and its next reply tells it.</summary>
    public void Reset(ClientSession session) => Reset(session, session.IsWithoutPromises);

    private void Reset(ClientSession session, bool isWithoutPromises)
    {
        int holder = _holders.Take();
        if (!isWithoutPromises)
            _holders.Assign(holder, session);
        Drop(session.Reset(holder, isWithoutPromises));
        Figures.CountReset();
    }

    /// <summary>
    /// A client was late: it is reset and promised nothing more. It may trust what it held until <paramref name="done"/>: every change waits for that. Held
    /// before it is reset, so that no change finds neither the promises nor the wait.
    /// </summary>
    internal void ResetLate(ClientSession session, Task done)
    {
        Hold(session, done);
        session.Punctuality.WasLate();
        Reset(session, isWithoutPromises: true);
        Tokens.RecallAll(session);
        Figures.CountLate();
    }

    /// <summary>Those who talk and don't return what others wait for lose it, once they know that they have.</summary>
    internal void SweepTokens()
    {
        foreach (ClientSession session in Tokens.RecalledFor(_terms.ReturnPatience))
        {
            if (session.SinceShipped < _terms.ReturnPatience || session.HasEnded || !session.TryBeginLosingTokens())
                continue;
            Task done = _delivery.KeepsTokens(session, _terms.ReturnPatience);
            BackgroundWork.Start("the end of tokens that are not returned", () => DropTokensAsync(session, done));
        }
    }

    private async Task DropTokensAsync(ClientSession session, Task done)
    {
        await done;
        Tokens.Drop(session.Id);
        session.EndLosingTokens();
    }

    /// <summary>Its lease ended while others waited for it.</summary>
    internal void LapseLate(ClientSession session)
    {
        session.Punctuality.WentSilent();
        Reset(session, isWithoutPromises: true);
        Figures.CountLate();
        Lapse(session);
    }

    /// <summary>Its lease had ended, it is back, and that can't be recorded: it is served without promises until it has shown to be quick, and longer if it can't be recorded then.</summary>
    internal void ReturnWithoutPromises(ClientSession session)
    {
        session.Punctuality.WentSilent();
        if (!session.IsWithoutPromises)
            Reset(session, isWithoutPromises: true);
        session.ComeBackUnrecorded();
        _delivery.BeginTrial(session);
    }

    /// <summary>It has shown to be quick: from its next call on it is promised again.</summary>
    internal void Trust(ClientSession session) => Reset(session, isWithoutPromises: false);

    /// <summary>Its lease has ended.</summary>
    internal void Lapse(ClientSession session)
    {
        if (session.IsLapsed)
            return;
        Reset(session);
        session.IsLapsed = true;
        Tokens.Drop(session.Id);
        Fell?.Invoke(session);
        Lapsed?.Invoke(session);
    }

    /// <summary>The session has ended.</summary>
    internal void End(ClientSession session)
    {
        Reset(session);
        _delivery.End(session);
        Tokens.Drop(session.Id);
        Fell?.Invoke(session);
        // Its last number is not given again: a call of it may still be on its way to the table.
        _holders.Unassign(session.Holder);
    }

    internal void Acknowledged(IReadOnlyList<PendingBreak> breaks)
    {
        foreach (PendingBreak pending in breaks)
            _table.Acknowledge(pending.Promise);
    }

    /// <summary>For tests and simulation.</summary>
    public void CheckInvariants()
    {
        _table.CheckInvariants();
        Tokens.CheckInvariants();
    }

    /// <summary>INVARIANT: its place in the table is its own, and the breaks that wait for it are in order. One whose lease has ended holds nothing.</summary>
    internal void CheckInvariants(ClientSession session)
    {
        session.Breaks.CheckInvariants();
        if (_holders.Find(session.Holder) != (session.IsWithoutPromises ? null : session) || session.IsLapsed && CountOf(session) > 0)
            throw new InvalidOperationException($"Promises: session {session.Id} has {CountOf(session)}, lapsed: {session.IsLapsed}.");
    }

    private void Tell(HeldPromise held, IReadOnlyList<byte[]>? names, BreakWait wait)
    {
        // No session: it was reset after the holders were collected, or has ended, and trusts nothing by the time its lease is over.
        if (_holders.Find(held.Holder) is not { } session)
        {
            _table.Acknowledge(held);
            return;
        }
        if (session.Breaks.IsFull)
        {
            BreakEverything(session);
            return;
        }
        wait.Add();
        if (session.Breaks.Add(held, names, wait))
            _delivery.Start(session);
    }

    private void Evict(List<HeldPromise> evicted)
    {
        Figures.CountEvicted(evicted.Count);
        var nobodyWaits = new BreakWait();
        foreach (HeldPromise held in evicted)
        {
            // Who isn't promised a vnode has nothing to stand on for changing it.
            if (_holders.Find(held.Holder) is { } session)
                Tokens.Recall(session, held.Fid);
            Tell(held, null, nobodyWaits);
        }
    }

    private void SendRecall(ClientSession session, Fid fid)
    {
        if (session.Breaks.AddRecall(fid))
            _delivery.Start(session);
    }

    /// <summary>A lock token is to be returned.</summary>
    internal void SendRecall(ClientSession session, LockRecall recall)
    {
        if (session.Breaks.AddRecall(recall))
            _delivery.Start(session);
    }

    private void Hold(ClientSession session, Task done)
    {
        _barriers[(session, done)] = true;
        BackgroundWork.Start("the end of a barrier", () => RemoveBarrierAsync(session, done));
    }

    private async Task RemoveBarrierAsync(ClientSession session, Task done)
    {
        await done;
        _barriers.TryRemove((session, done), out _);
    }

    private void Drop(int holder)
    {
        _holders.Unassign(holder);
        while (_table.DropSome(holder, DropPiece))
        {
        }
        _holders.Return(holder);
    }
}

/// <summary>A promise that is being broken.</summary>
/// <param name="Holder">The holder's place in the promise table.</param>
/// <param name="Ticket">Names this breaking: its acknowledgement ends the promise, unless it was granted or broken again meanwhile.</param>
public readonly record struct HeldPromise(int Holder, Fid Fid, uint Ticket);

/// <summary>Small numbers for the promise table, given again once their promises are gone, and who has which. Safe for concurrent use.</summary>
internal sealed class HolderNumbers
{
    private readonly Lock _lock = new();
    private readonly Stack<int> _free = new();
    private ClientSession?[] _sessions = new ClientSession?[64];
    private int _used;

    public int Take()
    {
        lock (_lock)
        {
            if (_free.TryPop(out int number))
                return number;
            if (_used == _sessions.Length)
                Array.Resize(ref _sessions, 2 * _used);
            return _used++;
        }
    }

    public void Assign(int number, ClientSession session)
    {
        lock (_lock)
            _sessions[number] = session;
    }

    /// <summary>Its promises no longer count, and are about to go.</summary>
    public void Unassign(int number)
    {
        lock (_lock)
            _sessions[number] = null;
    }

    /// <summary>No promise has it any more.</summary>
    public void Return(int number)
    {
        lock (_lock)
            _free.Push(number);
    }

    public ClientSession? Find(int number)
    {
        lock (_lock)
            return _sessions[number];
    }
}

/// <summary>How long clients may trust their promises, and how long the server waits for one that is silent.</summary>
public sealed record LeaseTerms
{
    /// <summary>Clocks that run apart by an eighth are broken; what is added covers short leases.</summary>
    private static readonly TimeSpan LeastMargin = TimeSpan.FromMilliseconds(250);

    public LeaseTerms(TimeSpan lease)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lease, TimeSpan.FromMilliseconds(1));
        Lease = lease;
        ServerWait = lease + lease / 8 + LeastMargin;
        Patience = lease / 2 + LeastMargin;
        ReturnPatience = 2 * ServerWait;
    }

    /// <summary>What the client is told: it counts from before it sent the call that was last answered.</summary>
    public TimeSpan Lease { get; }

    /// <summary>The server lets go later than the client: lease and margin.</summary>
    public TimeSpan ServerWait { get; }

    /// <summary>How long an acknowledgement may take. A client that takes longer keeps others waiting, and was late.</summary>
    public TimeSpan Patience { get; }

    /// <summary>How long a client may send nothing at all of what it did under write tokens that others wait for. One that takes longer was late.</summary>
    public TimeSpan ReturnPatience { get; }
}

/// <summary>Counts since the server's start. Safe for concurrent use.</summary>
public sealed class CallbackFigures
{
    private long _breaksSent, _breakCalls, _breaksEvicted, _resets, _late;

    public long BreaksSent => Volatile.Read(ref _breaksSent);

    public long BreakCalls => Volatile.Read(ref _breakCalls);

    public long BreaksEvicted => Volatile.Read(ref _breaksEvicted);

    /// <summary>Clients that lost all their promises at once.</summary>
    public long Resets => Volatile.Read(ref _resets);

    /// <summary>Times that a client kept others waiting.</summary>
    public long Late => Volatile.Read(ref _late);

    internal void CountLate() => Interlocked.Increment(ref _late);

    internal void CountCall(int breaks)
    {
        Interlocked.Increment(ref _breakCalls);
        Interlocked.Add(ref _breaksSent, breaks);
    }

    internal void CountEvicted(int breaks) => Interlocked.Add(ref _breaksEvicted, breaks);

    internal void CountReset() => Interlocked.Increment(ref _resets);
}
