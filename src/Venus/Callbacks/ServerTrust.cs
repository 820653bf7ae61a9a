using System.Diagnostics;
using Afs.Rpc;

namespace Afs.Venus.Callbacks;

/// <summary>
/// Whether promises of one server may be believed at all: its epoch, this client's session and reset count, and the lease.
/// A generation is a time without an event of kind E2 (see <see cref="PromiseRules"/>); starting a new one makes everything suspect at once.
/// <see cref="Holds"/> takes no lock and may be called from any thread.
/// </summary>
public sealed class ServerTrust(TimeProvider time)
{
    private readonly Lock _lock = new();
    private Epoch _epoch;
    private SessionId _session;
    private ulong _resetCount;
    private TimeSpan _lease;

    // Written under the lock, in this order: generation, then lease end. Read in the opposite order, so that a renewed lease is never seen
    // with the generation before it.
    private uint _generation = 1;
    private long _leaseEnd = long.MinValue;

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
        long leaseEnd = Volatile.Read(ref _leaseEnd);
        uint generation = Volatile.Read(ref _generation);
        return PromiseRules.Holds(promisedGeneration, generation, time.GetTimestamp() < leaseEnd);
    }

    public bool LeaseRuns => Holds(Generation);

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
    public void Established(SessionId session, Epoch epoch, TimeSpan lease, ulong resetCount)
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
            else if (resetCount != _resetCount)
                reason = SuspectReason.ServerReset;
            (_session, _epoch, _lease, _resetCount) = (session, epoch, lease, resetCount);
            if (reason is not null)
                EndGeneration();
        }
        if (reason is { } lost)
            Lost?.Invoke(lost);
    }

    /// <summary>A reply came: the lease counts from before its request was sent.</summary>
    public void Replied(Epoch epoch, ulong resetCount, long sentTimestamp)
    {
        SuspectReason? reason = null;
        bool isRegained;
        lock (_lock)
        {
            if (epoch.Value < _epoch.Value || resetCount < _resetCount && epoch == _epoch)
                return; // From before what is already known.
            if (epoch != _epoch)
                reason = SuspectReason.ServerRestarted;
            else if (resetCount != _resetCount)
                reason = SuspectReason.ServerReset;
            else if (_leaseEnd != long.MinValue && time.GetTimestamp() >= _leaseEnd)
                reason = SuspectReason.LeaseEnded;
            (_epoch, _resetCount) = (epoch, resetCount);
            if (reason is not null)
                EndGeneration();
            isRegained = _leaseEnd == long.MinValue && _generation > 1;
            long end = sentTimestamp + (long)(_lease.TotalSeconds * time.TimestampFrequency);
            if (end > _leaseEnd)
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
            if (_leaseEnd == long.MinValue)
                return;
            double leftSeconds = (double)(_leaseEnd - time.GetTimestamp()) / time.TimestampFrequency;
            if (_session == default || _generation == 0 || leftSeconds > _lease.TotalSeconds)
                throw new UnreachableException($"A lease of {_lease} runs for {leftSeconds} s more in session {_session}.");
        }
    }
}
