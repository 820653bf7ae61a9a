namespace Afs.Simulation;

/// <summary>What applications do.</summary>
internal sealed record WorkloadOptions
{
    public static readonly string Folder = "d";

    public IReadOnlyList<string> Paths { get; init; } = ["a", "b", "c", $"{Folder}/a", $"{Folder}/b"];

    public int MostPauseMs { get; init; } = 400;

    /// <summary>One write in so many is larger than what fits into a call.</summary>
    public int LargeOneIn { get; init; } = 8;

    public bool CacheIsLarge { get; init; }
}
