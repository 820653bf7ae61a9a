namespace Afs.Telemetry;

/// <summary>How long something took, in buckets that are fixed. Safe for concurrent use, without a lock.</summary>
public sealed class LatencyHistogram
{
    /// <summary>Upper bounds in seconds; what is above the last counts only in the total.</summary>
    public static readonly IReadOnlyList<double> BoundsSeconds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

    private readonly long[] _counts = new long[BoundsSeconds.Count + 1];
    private long _ticks;

    public void Record(TimeSpan duration)
    {
        int bucket = 0;
        while (bucket < BoundsSeconds.Count && duration.TotalSeconds > BoundsSeconds[bucket])
            bucket++;
        Interlocked.Increment(ref _counts[bucket]);
        Interlocked.Add(ref _ticks, duration.Ticks);
    }

    /// <summary>By bucket, the last for what is above all bounds; and the sum of all.</summary>
    public (IReadOnlyList<long> Counts, TimeSpan Sum) Read()
    {
        long[] counts = new long[_counts.Length];
        for (int i = 0; i < counts.Length; i++)
            counts[i] = Volatile.Read(ref _counts[i]);
        return (counts, TimeSpan.FromTicks(Volatile.Read(ref _ticks)));
    }
}
