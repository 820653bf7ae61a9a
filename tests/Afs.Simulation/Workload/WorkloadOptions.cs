using Afs.Wire;

namespace Afs.Simulation;

/// <summary>What applications do.</summary>
internal sealed record WorkloadOptions
{
    public static readonly string Folder = "d";

    private const int MostSmallBytes = 2000;

    /// <summary>More than fits into a call.</summary>
    private const int LargeBytes = Limits.InlineContentBytes + 5000;

    /// <summary>So large that only changed blocks are sent.</summary>
    public const int HugeBytes = (5 * Limits.BlockBytes) + 5000;

    public IReadOnlyList<string> Paths { get; init; } = ["a", "b", "c", $"{Folder}/a", $"{Folder}/b"];

    public int MostPauseMs { get; init; } = 400;

    /// <summary>One write in so many is larger than what fits into a call.</summary>
    public int LargeOneIn { get; init; } = 8;

    /// <summary>One write in so many is so large that it is sent in parts; zero: none.</summary>
    public int HugeOneIn { get; init; }

    /// <summary>One write in so many changes a few bytes in place.</summary>
    public int PatchOneIn { get; init; } = 3;

    /// <summary>One writer in so many goes on with a mapping after its close; zero: none.</summary>
    public int MapOneIn { get; init; } = 6;

    public bool CacheIsLarge { get; init; }

    public static WorkloadOptions Draw(Random random, bool isWide) => new() { HugeOneIn = isWide && random.Next(5) == 0 ? 8 : 0 };

    public int DrawLengthBytes(Random random)
    {
        if (HugeOneIn > 0 && random.Next(HugeOneIn) == 0)
            return HugeBytes;
        return random.Next(LargeOneIn) == 0 ? LargeBytes : random.Next(sizeof(int), MostSmallBytes);
    }
}
