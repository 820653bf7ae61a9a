namespace Afs.Rpc;

/// <summary>Deadlines as timestamps of a <see cref="TimeProvider"/>: comparing two is comparing numbers.</summary>
internal static class Deadlines
{
    public const long Never = long.MaxValue;

    public static long After(this TimeProvider time, TimeSpan span)
    {
        if (span == Timeout.InfiniteTimeSpan)
            return Never;
        double ticks = span.TotalSeconds * time.TimestampFrequency;
        long now = time.GetTimestamp();
        return ticks >= Never - now ? Never : now + (long)ticks;
    }

    /// <summary>What is left, not less than zero; infinite for <see cref="Never"/>.</summary>
    public static TimeSpan Until(this TimeProvider time, long deadline)
    {
        if (deadline == Never)
            return Timeout.InfiniteTimeSpan;
        TimeSpan left = time.GetElapsedTime(time.GetTimestamp(), deadline);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>For the wire: milliseconds, the largest number for an unbounded deadline.</summary>
    public static uint ToWireMs(this TimeProvider time, long deadline)
    {
        TimeSpan left = time.Until(deadline);
        return left == Timeout.InfiniteTimeSpan ? uint.MaxValue : (uint)Math.Min(left.TotalMilliseconds, uint.MaxValue);
    }

    public static TimeSpan FromWireMs(uint ms) => ms == uint.MaxValue ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(ms);

    /// <summary>What a timer may be armed with: never longer than it takes.</summary>
    public static TimeSpan ForTimer(TimeSpan span) =>
        span == Timeout.InfiniteTimeSpan || span < MaxTimer ? span : MaxTimer;

    private static readonly TimeSpan MaxTimer = TimeSpan.FromDays(20);
}
