namespace Afs.Tests.Common;

/// <summary>
/// One thread and one clock for a whole cell: everything that is started in <see cref="Run"/> continues on its thread, one step at a
/// time, in an order that depends on nothing outside. Time moves when nothing else is left to do.
/// </summary>
/// <remarks>
/// What hops to the thread pool by itself breaks the order: CancelAsync, SemaphoreSlim.WaitAsync, ConfigureAwait(false), Task.Run, and
/// WaitAsync, WhenAny or WhenAll straight on a TaskCompletionSource that runs its continuations asynchronously (await it in a method of its own).
/// </remarks>
public sealed class VirtualWorld : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = new();
    private long _steps;

    public VirtualTimeProvider Time { get; } = new();

    /// <summary>Steps made so far: the same for the same seed.</summary>
    public long Steps => _steps;

    public override void Post(SendOrPostCallback d, object? state)
    {
        lock (_ready)
            _ready.Enqueue((d, state));
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs <paramref name="main"/> to its end, and throws what it throws.</summary>
    /// <param name="limit">Virtual time that it may take.</param>
    /// <exception cref="TimeoutException">It didn't end: within the limit, or ever, since nothing is left that could move it.</exception>
    public void Run(Func<Task> main, TimeSpan limit)
    {
        SynchronizationContext? outer = Current;
        SetSynchronizationContext(this);
        try
        {
            long end = Time.GetTimestamp() + limit.Ticks;
            Task task = main();
            while (!task.IsCompleted)
            {
                if (!Step() && !Time.FireNext(end))
                    throw new TimeoutException($"Nothing is left to do within {limit}, and the run hasn't ended.");
            }

            task.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    private bool Step()
    {
        (SendOrPostCallback Callback, object? State) step;
        lock (_ready)
        {
            if (!_ready.TryDequeue(out step))
                return false;
        }

        _steps++;
        step.Callback(step.State);
        return true;
    }
}

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

/// <summary>A timer of a <see cref="VirtualTimeProvider"/>.</summary>
internal sealed class VirtualTimer(VirtualTimeProvider time, TimerCallback callback, object? state) : ITimer
{
    private TimeSpan _period = Timeout.InfiniteTimeSpan;
    private bool _isDisposed;

    /// <summary>Its place in the queue; default where it isn't armed. Guarded by the provider.</summary>
    public (long Due, long Order) Queued { get; set; }

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        if (_isDisposed)
            return false;
        _period = period;
        time.Schedule(this, dueTime);
        return true;
    }

    public void Fire()
    {
        if (_isDisposed)
            return;
        if (_period > TimeSpan.Zero)
            time.Schedule(this, _period);
        callback(state);
    }

    public void Dispose()
    {
        _isDisposed = true;
        time.Schedule(this, Timeout.InfiniteTimeSpan);
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }
}
