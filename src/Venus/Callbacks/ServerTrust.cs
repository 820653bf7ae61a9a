using System.Diagnostics;
using Afs.Rpc;
using Afs.Venus.Cache;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Callbacks;

/// <summary>
/// Whether promises of one server may be believed at all: its epoch, this client's session and reset count, and the lease.
/// A generation is a time without an event of kind E2 (see <see cref="PromiseRules"/>); starting a new one makes everything suspect at once.
/// <see cref="Holds"/> takes no lock and may be called from any thread.
/// A server may serve this client without promises: then a status holds for those operations only that began before the call that brought it was
/// sent (rule R7). Each operation says when it begins, and the generations count the operations.
/// </summary>
public sealed class ServerTrust(TimeProvider time)
{
    private readonly Lock _lock = new();
    private Epoch _epoch;
    private SessionId _session;
    private ulong _resetCount;
    private bool _hasMark;
    private TimeSpan _lease;

    // Written under the lock, in this order: generation, then lease end. Read in the opposite order, so that a renewed lease is never seen
    // with the generation before it.
    private uint _generation = 1;
    private long _leaseEnd = long.MinValue;

    // The first generation without promises; zero while there are some.
    private uint _unpromisedSince;

    /// <summary>The generation in which the operation began whose flow this is; zero where there were promises then.</summary>
    private readonly AsyncLocal<uint> _begun = new();
    private volatile bool _wasUnpromised;

    /// <summary>Called when a generation ended, with no lock held. Must not wait.</summary>
    public event Action<SuspectReason>? Lost;

    /// <summary>Called when a lease runs again after one had ended, with no lock held. Must not wait.</summary>
    public event Action? Regained;

    public uint Generation => Volatile.Read(ref _generation);

    public Epoch Epoch
    {
        get
        {
            lock (_lock)
                return _epoch;
        }
    }

    public TimeSpan Lease
    {
        get
        {
            lock (_lock)
                return _lease;
        }
    }

    /// <summary>Does a promise of this generation still hold?</summary>
    public bool Holds(uint promisedGeneration)
    {
        if (promisedGeneration == 0)
            return false;
        if (Volatile.Read(ref _unpromisedSince) is var since && since != 0)
            return PromiseRules.HoldsForOperation(promisedGeneration, Math.Max(since, _begun.Value), Generation);
        long leaseEnd = Volatile.Read(ref _leaseEnd);
        uint generation = Volatile.Read(ref _generation);
        return PromiseRules.Holds(promisedGeneration, generation, time.GetTimestamp() < leaseEnd);
    }

    public bool LeaseRuns => !IsWithoutPromises && Holds(Generation);

    /// <summary>The server answers, and promises nothing: it knows that this client was late to acknowledge.</summary>
    public bool IsWithoutPromises => Volatile.Read(ref _unpromisedSince) != 0;

    /// <summary>What this operation found may be remembered beyond it.</summary>
    public bool MayBeKept => !_wasUnpromised || !IsWithoutPromises && _begun.Value == 0;

    /// <summary>
    /// An operation begins, in whose flow this is called: it may use nothing that was asked for before. Costs nothing for a client that was never without promises.
    /// </summary>
    public void BeginOperation()
    {
        if (!_wasUnpromised)
            return;
        uint begun = 0;
        lock (_lock)
        {
            if (_unpromisedSince != 0)
            {
                if (_hasMark)
                    Volatile.Write(ref _generation, _generation + 1);
                (_hasMark, begun) = (false, _generation);
            }
        }
        if (_begun.Value != begun)
            _begun.Value = begun;
    }

    /// <summary>The generation for a call that is about to be sent.</summary>
    public uint Mark()
    {
        if (!_wasUnpromised)
            return Generation;
        lock (_lock)
        {
            _hasMark = true;
            return _generation;
        }
    }

    /// <summary>How long the lease still runs; zero or less where it ended.</summary>
    public TimeSpan LeaseLeft
    {
        get
        {
            long end = Volatile.Read(ref _leaseEnd);
            return end == long.MinValue ? TimeSpan.Zero : TimeSpan.FromSeconds((double)(end - time.GetTimestamp()) / time.TimestampFrequency);
        }
    }

    /// <summary>A session was established, or the same one over another connection.</summary>
    public void Established(SessionId session, Epoch epoch, TimeSpan lease, SessionTrust trust)
    {
        SuspectReason? reason = null;
        lock (_lock)
        {
            if (_session == default)
                reason = null; // The first: nothing was promised yet.
            else if (epoch != _epoch)
                reason = SuspectReason.ServerRestarted;
            else if (session != _session)
                reason = SuspectReason.NewSession;
            else if (trust.ResetCount != _resetCount)
                reason = SuspectReason.ServerReset;
            (_session, _epoch, _lease, _resetCount) = (session, epoch, lease, trust.ResetCount);
            if (reason is not null)
                EndGeneration();
            SetPromises(trust);
        }
        if (reason is { } lost)
            Lost?.Invoke(lost);
    }

    /// <summary>A reply came: the lease counts from before its request was sent.</summary>
    public void Replied(Epoch epoch, SessionTrust trust, long sentTimestamp)
    {
        SuspectReason? reason = null;
        bool isRegained;
        lock (_lock)
        {
            if (epoch.Value < _epoch.Value || trust.ResetCount < _resetCount && epoch == _epoch)
                return; // From before what is already known.
            if (epoch != _epoch)
                reason = SuspectReason.ServerRestarted;
            else if (trust.ResetCount != _resetCount)
                reason = SuspectReason.ServerReset;
            else if (_leaseEnd != long.MinValue && time.GetTimestamp() >= _leaseEnd)
                reason = SuspectReason.LeaseEnded;
            (_epoch, _resetCount) = (epoch, trust.ResetCount);
            if (reason is not null)
                EndGeneration();
            SetPromises(trust);
            isRegained = !trust.IsWithoutPromises && _leaseEnd == long.MinValue && _generation > 1;
            long end = sentTimestamp + (long)(_lease.TotalSeconds * time.TimestampFrequency);
            if (end > _leaseEnd && !trust.IsWithoutPromises)
                Volatile.Write(ref _leaseEnd, end);
        }
        if (reason is { } lost)
            Lost?.Invoke(lost);
        if (isRegained)
            Regained?.Invoke();
    }

    /// <summary>Notices the end of the lease, if it ended; called by the probe loop so that the kernel learns of it in time.</summary>
    public void NoticeLeaseEnd()
    {
        lock (_lock)
        {
            if (_leaseEnd == long.MinValue || time.GetTimestamp() < _leaseEnd)
                return;
            EndGeneration();
        }
        Lost?.Invoke(SuspectReason.LeaseEnded);
    }

    /// <summary>Everything is suspect, though the server is well.</summary>
    public void Distrust(SuspectReason reason)
    {
        lock (_lock)
            Volatile.Write(ref _generation, _generation + 1);
        Lost?.Invoke(reason);
    }

    private void SetPromises(SessionTrust trust)
    {
        if (!trust.IsWithoutPromises)
            Volatile.Write(ref _unpromisedSince, 0);
        else if (_unpromisedSince == 0)
        {
            // Not even what the last generation got counts, should the server have said so without a reset.
            EndGeneration();
            _wasUnpromised = true;
            Volatile.Write(ref _unpromisedSince, _generation);
        }
    }

    private void EndGeneration()
    {
        Volatile.Write(ref _generation, _generation + 1);
        Volatile.Write(ref _leaseEnd, long.MinValue);
    }

    /// <summary>INVARIANT: a lease is one that the server gave, in a session, and ends no later than if the last call had been sent just now.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            if (_unpromisedSince > _generation || _unpromisedSince != 0 && _leaseEnd != long.MinValue)
                throw new UnreachableException($"Without promises since generation {_unpromisedSince} of {_generation}, and with a lease.");
            if (_leaseEnd == long.MinValue)
                return;
            double leftSeconds = (double)(_leaseEnd - time.GetTimestamp()) / time.TimestampFrequency;
            if (_session == default || _generation == 0 || leftSeconds > _lease.TotalSeconds)
                throw new UnreachableException($"A lease of {_lease} runs for {leftSeconds} s more in session {_session}.");
        }
    }
}

/// <summary>Why all promises of a server are gone at once.</summary>
public enum SuspectReason : byte
{
    LeaseEnded,
    ServerRestarted,
    ServerReset,
    NewSession,
    VolumeBroken,

    /// <summary>A change of a name may have happened, and which file it was about isn't known.</summary>
    ChangeInDoubt,
}

/// <summary>
/// When a cached status may be believed. All trust of Venus rests on these rules; the rest of the cache holds versions only, and a
/// directory's entries or a container are current where their version is that of a status that is believed.
///
/// Events that end promises:
///  E1  the server breaks one (a change by another client): <see cref="BreakLog.Note"/>, then the promise is dropped;
///  E2  the server breaks a whole volume, restarts (a new epoch), dropped this client's promises (its reset count rose), or gave it a new
///      session; or the lease ended: <see cref="ServerTrust"/> starts a new generation;
///  E3  this client gives one up: <see cref="BreakLog.Hold"/> until the server has answered, because a fetch may overtake it.
///
/// Rules:
///  R1  A promise belongs to the generation that was noted before its call was sent. It holds while that generation lasts and the lease runs.
///  R2  A reply grants a promise only if its fid was not broken since before the call was sent. Else a break overtook the reply: its data
///      is good for whoever made the call, and for nobody later.
///  R3  A status never replaces one of a higher version. Versions of one volume incarnation only rise.
///  R4  A status that a mutation of this client returns beside its main one grants nothing, but keeps a promise that was held, if its
///      version is the next one. Where it is not, somebody else's change came between, whose break may still be on its way, and the server may no
///      longer count this client among the holders.
///  R5  Replies of mutations that ran side by side may come in any order. A gap in the versions suspends the promise; when the replies that are
///      on their way fill it, R4 holds for each in turn, and the promise is kept; when none is on its way and the gap is left, it is dropped.
///  R6  The owner of a joined fetch may use its reply without a promise (R2); whoever joined it may not, since their reason to ask may be
///      younger than the call.
///
///  R7  While the server promises this client nothing, a status holds for an operation if its call was sent after the operation began: each operation
///      asks for itself, and what it found is kept by nobody. The generation rises with each operation that follows a call, so that it tells the order.
///
/// (Linux fs/afs/validation.c and fs_operation.c; OpenAFS afs_callback.c; Howard et al. 1988, section 3.2.)
/// </summary>
public static class PromiseRules
{
    /// <summary>The generation of what an earlier daemon was promised. No generation of this one is ever the same: it is suspect.</summary>
    public const uint Restored = uint.MaxValue;

    /// <summary>R2: the generation in which the promise holds; zero for none.</summary>
    public static uint Grant(CallMark mark, bool brokenSince) => brokenSince ? 0 : mark.Generation;

    /// <summary>R3.</summary>
    public static bool IsOlder(StatusVersion reply, StatusVersion cached) => reply.Value < cached.Value;

    /// <summary>R4.</summary>
    public static bool Follows(StatusVersion reply, StatusVersion cached) => reply == cached.Next;

    /// <summary>R7.</summary>
    /// <param name="asked">The generation that was noted before the status was asked for.</param>
    /// <param name="begun">The generation in which the operation began.</param>
    public static bool HoldsForOperation(uint asked, uint begun, uint generation) => asked >= begun && asked <= generation;

    /// <summary>R1.</summary>
    public static bool Holds(uint promised, uint generation, bool leaseRuns) => promised != 0 && promised == generation && leaseRuns;
}

/// <summary>What is noted before a call is sent, so that its reply can be judged: see <see cref="PromiseRules"/>.</summary>
/// <param name="Generation">The generation of trust in the server (<see cref="ServerTrust.Generation"/>).</param>
/// <param name="Breaks">How far the break log had come (<see cref="BreakLog.Sequence"/>).</param>
public readonly record struct CallMark(uint Generation, ulong Breaks);

/// <summary>
/// After an event of kind E2 (PromiseRules): asks the server which cached statuses still hold, thousands in a call. What is needed sooner is
/// fetched singly meanwhile. The volume version isn't used as a short cut (docs/decisions/0022).
/// </summary>
internal sealed class Revalidator(VnodeTable table, ServerTrust trust, Func<CallMark> mark, ViceCalls calls, TimeProvider time, Random random)
{
    /// <summary>Many clients notice a restart of their server at the same moment.</summary>
    private static readonly TimeSpan MostJitter = TimeSpan.FromMilliseconds(300);

    /// <summary>All that is suspect. A failure leaves the rest suspect.</summary>
    public async Task<Failure> RunAsync(OperationContext operation)
    {
        double jitter;
        lock (random)
            jitter = random.NextDouble();
        await Task.Delay(MostJitter * jitter, time, operation);
        return await RevalidateAsync(operation);
    }

    /// <summary>The same, at once.</summary>
    public async Task<Failure> RevalidateAsync(OperationContext operation)
    {
        if (trust.IsWithoutPromises)
            return Failure.None; // Each operation asks for itself; nothing that is asked before helps it.
        uint generation = trust.Generation;
        foreach (IGrouping<VolumeId, FetchStatus> volume in table.CollectSuspect(generation).GroupBy(static s => s.Fid.Volume))
        {
            foreach (FetchStatus[] chunk in volume.Chunk(Limits.ValidationsPerCall))
            {
                Failure failure = await ValidateAsync(volume.Key, chunk, operation);
                if (!failure.IsNone)
                    return failure;
            }
        }
        return Failure.None;
    }

    private async Task<Failure> ValidateAsync(VolumeId volume, FetchStatus[] chunk, OperationContext operation)
    {
        CallMark before = mark();
        var request = new ValidateRequest
        {
            Volume = volume,
            Entries = [.. chunk.Select(static s => new CachedVersion(s.Fid.Vnode, s.Fid.Uniquifier, s.StatusVersion))],
        };
        Result<ValidateReply> reply = await calls.ReadAsync((vice, context) => vice.ValidateAsync(request, context), operation);
        if (!reply.IsSuccess)
            return reply.Failure;
        byte[] valid = reply.Value.Valid;
        for (int i = 0; i < chunk.Length; i++)
        {
            bool holds = i / 8 < valid.Length && (valid[i / 8] & 1 << i % 8) != 0;
            if (holds)
                table.Revalidate(chunk[i].Fid, chunk[i].StatusVersion, before);
            else
                table.DropSuspect(chunk[i].Fid, before.Generation);
        }
        return Failure.None;
    }
}
