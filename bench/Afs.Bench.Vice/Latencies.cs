namespace Afs.Bench.Vice;

/// <summary>How long each of many calls took, in order.</summary>
internal sealed class Latencies
{
    private readonly double[] _sortedMs;

    public Latencies(IEnumerable<double> tookMs)
    {
        _sortedMs = [.. tookMs.Order()];
        if (_sortedMs.Length == 0)
            throw new InvalidOperationException("No call ended in the time given: give more.");
    }

    public int Count => _sortedMs.Length;

    public double MedianMs => At(0.5);

    /// <param name="share">0.99 for the 99th percentile.</param>
    public double At(double share) => _sortedMs[(int)(share * (_sortedMs.Length - 1))];
}
