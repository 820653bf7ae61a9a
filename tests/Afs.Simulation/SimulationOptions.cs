namespace Afs.Simulation;

/// <summary>One run.</summary>
public sealed record SimulationOptions
{
    public required int Seed { get; init; }

    public PlantedBug Bug { get; init; }

    /// <summary>With contents so large that they are sent in parts, with watches, and with all files brought into caches.</summary>
    public bool IsWide { get; init; }

    /// <summary>Some clients write behind, now and then.</summary>
    public bool WritesBehind { get; init; }

    /// <summary>Gets the story as it is told; null: nobody reads it.</summary>
    public TextWriter? Story { get; init; }

    /// <summary>Virtual time with faults.</summary>
    public TimeSpan Faults { get; init; } = TimeSpan.FromSeconds(30);
}
