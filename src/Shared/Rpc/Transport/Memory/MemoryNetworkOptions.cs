namespace Afs.Rpc;

/// <summary>What a <see cref="MemoryNetwork"/> does to frames.</summary>
public sealed record MemoryNetworkOptions
{
    /// <summary>No frame is faster.</summary>
    public TimeSpan MinDelay { get; init; } = TimeSpan.FromMilliseconds(1);

    /// <summary>No frame that arrives is slower.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMilliseconds(3);

    /// <summary>From 0 to 1: a frame is lost.</summary>
    public double DropProbability { get; init; }

    /// <summary>From 0 to 1: a frame arrives twice.</summary>
    public double DuplicateProbability { get; init; }

    /// <summary>Frames may overtake each other.</summary>
    public bool Reorders { get; init; }

    /// <summary>From 0 to 1, per frame: the connection breaks for both sides.</summary>
    public double BreakProbability { get; init; }

    /// <summary>As TCP: once and in order, or not at all.</summary>
    internal bool IsReliable => DropProbability == 0 && DuplicateProbability == 0 && !Reorders;
}
