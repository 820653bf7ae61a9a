using System.Collections.Concurrent;
using Afs.Rpc;
using Afs.Vice.Volumes.Mutations;
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
/// <item>A client that talks but doesn't acknowledge is reset, and every change waits for it until it acknowledges that, or for one lease more:
/// the reply that tells it of the reset may be lost.</item>
/// </list>
/// </summary>
public sealed class Promises
{
    /// <summary>Promises dropped with the table's lock held.</summary>
    private const int DropPiece = 4096;

    private readonly PromiseTable _table;
    private readonly HolderNumbers _holders = new();
    private readonly BreakDelivery _delivery;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<(ClientSession Session, Task Done), bool> _barriers = new();

    public Promises(int capacity, LeaseTerms terms, IReadOnlyList<VolumeId> volumes, TimeProvider time, ILogger log)
    {
        _table = new PromiseTable(capacity);
        _time = time;
        _delivery = new BreakDelivery(this, terms, volumes, time, log);
    }

    public CallbackFigures Figures { get; } = new();

    /// <summary>A client's lease ended without an acknowledgement. Called on any thread; must not wait.</summary>
    internal Action<ClientSession>? Lapsed { get; set; }

    /// <summary>Promises held.</summary>
    public int Count => _table.Count;

    internal ClientSession NewSession(SessionId id, ClientId client, bool isLapsed)
    {
        int holder = _holders.Take();
        var session = new ClientSession(id, client, holder, isLapsed, _time);
        _holders.Assign(holder, session);
        return session;
    }

    /// <summary>Registers promises; then the caller reads. Where the table is overwhelmed the client loses all, and its reply says so.</summary>
    public void Grant(ClientSession session, IEnumerable<Fid> fids)
    {
        List<HeldPromise> evicted = [];
        foreach (Fid fid in fids)
        {
            if (_table.TryGrant(session.Holder, fid, evicted))
                continue;
            BreakEverything(session);
            Reset(session);
            break;
        }
        if (evicted.Count > 0)
            Evict(evicted);
    }

    public void Grant(ClientSession session, Fid fid) => Grant(session, [fid]);

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
        if (mustDeliver)
            _delivery.Start(session);
    }

    /// <summary>All promises of the client are void, and its next reply tells it.</summary>
    public void Reset(ClientSession session)
    {
        int holder = _holders.Take();
        _holders.Assign(holder, session);
        Drop(session.Reset(holder));
        Figures.CountReset();
    }

    /// <summary>
    /// As <see cref="Reset"/>, for a client that may trust what it held until <paramref name="done"/>: every change waits for that. Held
    /// before it is reset, so that no change finds neither the promises nor the wait.
    /// </summary>
    internal void ResetAndHold(ClientSession session, Task done)
    {
        Hold(session, done);
        Reset(session);
    }

    /// <summary>Its lease has ended.</summary>
    internal void Lapse(ClientSession session)
    {
        if (session.IsLapsed)
            return;
        Reset(session);
        session.IsLapsed = true;
        Lapsed?.Invoke(session);
    }

    /// <summary>The session has ended.</summary>
    internal void End(ClientSession session)
    {
        Reset(session);
        _delivery.End(session);
        // Its last number is not given again: a call of it may still be on its way to the table.
        _holders.Unassign(session.Holder);
    }

    internal void Acknowledged(IReadOnlyList<PendingBreak> breaks)
    {
        foreach (PendingBreak pending in breaks)
            _table.Acknowledge(pending.Promise);
    }

    /// <summary>For tests and simulation.</summary>
    public void CheckInvariants() => _table.CheckInvariants();

    /// <summary>INVARIANT: its place in the table is its own, and the breaks that wait for it are in order. One whose lease has ended holds nothing.</summary>
    internal void CheckInvariants(ClientSession session)
    {
        session.Breaks.CheckInvariants();
        if (_holders.Find(session.Holder) != session || session.IsLapsed && CountOf(session) > 0)
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
            Tell(held, null, nobodyWaits);
    }

    private void Hold(ClientSession session, Task done)
    {
        _barriers[(session, done)] = true;
        _ = RemoveBarrierAsync(session, done);
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
