namespace Afs.Simulation;

/// <summary>
/// The clock of a machine, as one life of it sees it: faster or slower than the true time, and set differently. Its timers are due by
/// this clock, and die with the life.
/// </summary>
internal sealed class HostClock(SimHost host, ClockError error) : TimeProvider
{
    private readonly TimeProvider _true = host.World.Time;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => TimeSpan.TicksPerHour + (long)(_true.GetTimestamp() * error.Rate);

    public override DateTimeOffset GetUtcNow() => _true.GetUtcNow() + error.Offset;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = _true.CreateTimer(
            static state => ((Firing)state!).Fire(), new Firing(host, callback, state), ToTrue(dueTime), ToTrue(period));
        return new HostTimer(timer, this);
    }

    private TimeSpan ToTrue(TimeSpan span) =>
        span <= TimeSpan.Zero ? span : TimeSpan.FromTicks((long)Math.Ceiling(span.Ticks / error.Rate) + 1);

    private sealed class Firing(SimHost host, TimerCallback callback, object? state)
    {
        public void Fire() => host.Enter(_ => callback(state), null);
    }

    private sealed class HostTimer(ITimer timer, HostClock clock) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(clock.ToTrue(dueTime), clock.ToTrue(period));

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
