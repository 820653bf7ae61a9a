namespace Afs.Rpc;

/// <summary>
/// Time that passes only when it is told to. Timers fire on the thread that advances it, in the order of their due times, and of their
/// making where those are equal.
/// </summary>
public sealed class VirtualTimeProvider : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<VirtualTimer, (long Due, long Order)> _timers = new();
    private readonly DateTimeOffset _start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private long _now = TimeSpan.TicksPerSecond;
    private long _order;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _now);

    public override DateTimeOffset GetUtcNow() => _start.AddTicks(GetTimestamp());

    /// <summary>When the next timer is due, as a timestamp; null: there is none.</summary>
    public long? NextDue
    {
        get
        {
            lock (_gate)
            {
                DropStale();
                return _timers.TryPeek(out _, out (long Due, long Order) key) ? key.Due : null;
            }
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves time, and fires all timers that come due on the way.</summary>
    public void Advance(TimeSpan by)
    {
        long end = GetTimestamp() + by.Ticks;
        while (FireNext(end))
        {
        }

        Volatile.Write(ref _now, end);
    }

    /// <summary>Moves time to the next timer that is due at the latest at <paramref name="end"/>, and fires it. False: there is none.</summary>
    public bool FireNext(long end = long.MaxValue)
    {
        VirtualTimer timer;
        lock (_gate)
        {
            DropStale();
            if (!_timers.TryPeek(out _, out (long Due, long Order) key) || key.Due > end)
                return false;
            timer = _timers.Dequeue();
            Volatile.Write(ref _now, Math.Max(_now, key.Due));
            timer.Queued = default;
        }

        timer.Fire();
        return true;
    }

    internal void Schedule(VirtualTimer timer, TimeSpan after)
    {
        lock (_gate)
        {
            timer.Queued = after == Timeout.InfiniteTimeSpan ? default : (_now + Math.Max(0, after.Ticks), ++_order);
            if (timer.Queued != default)
                _timers.Enqueue(timer, timer.Queued);
        }
    }

    /// <summary>Entries of timers that were changed or disposed since.</summary>
    private void DropStale()
    {
        while (_timers.TryPeek(out VirtualTimer? timer, out (long Due, long Order) key) && timer.Queued != key)
            _timers.Dequeue();
    }
}
