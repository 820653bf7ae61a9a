namespace Afs.Simulation;

/// <summary>How a machine's clock differs from the true time.</summary>
/// <param name="Rate">Its seconds in a true second. Two hosts stay within what LeaseTerms allows: an eighth.</param>
/// <param name="Offset">How much later it believes it is.</param>
internal readonly record struct ClockError(double Rate, TimeSpan Offset)
{
    private const double MostDrift = 0.05;
    private const int MostOffsetSeconds = 600;

    public static ClockError Draw(Random random) => new(
        1 + ((random.NextDouble() * 2 - 1) * MostDrift), TimeSpan.FromSeconds(random.Next(-MostOffsetSeconds, MostOffsetSeconds)));
}
