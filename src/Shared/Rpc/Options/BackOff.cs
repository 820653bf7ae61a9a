namespace Afs.Rpc;

/// <summary>Exponential back-off with jitter: each wait is drawn from the upper half of a bound that doubles from <paramref name="First"/> to <paramref name="Most"/>.</summary>
public readonly record struct BackOff(TimeSpan First, TimeSpan Most)
{
    private const int MaxDoublings = 20;

    /// <param name="attempt">From 0.</param>
    public TimeSpan Delay(int attempt, Random random)
    {
        double bound = Math.Min(Most.TotalMilliseconds, First.TotalMilliseconds * (1L << Math.Clamp(attempt, 0, MaxDoublings)));
        return TimeSpan.FromMilliseconds(bound * (0.5 + (random.NextDouble() / 2)));
    }
}
