namespace Afs.Simulation;

/// <summary>What the network does to frames for a while.</summary>
internal static class Weather
{
    public static readonly MemoryNetworkOptions Calm = new() { MinDelay = TimeSpan.FromMilliseconds(0.2), MaxDelay = TimeSpan.FromMilliseconds(2) };

    public static MemoryNetworkOptions Draw(Random random) => random.Next(4) switch
    {
        0 => Calm with { MaxDelay = TimeSpan.FromMilliseconds(random.Next(5, 200)) },
        1 => Calm with { MinDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(random.Next(500, 2500)) },
        2 => Calm with { MaxDelay = TimeSpan.FromMilliseconds(random.Next(2, 100)), BreakProbability = 0.02 },
        _ => Calm with
        {
            MaxDelay = TimeSpan.FromMilliseconds(random.Next(2, 400)),
            DropProbability = random.NextDouble() * 0.25,
            DuplicateProbability = random.NextDouble() * 0.25,
            Reorders = random.Next(3) > 0,
        },
    };
}
