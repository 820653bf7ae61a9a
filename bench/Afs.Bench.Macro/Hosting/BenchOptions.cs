namespace Afs.Bench.Macro.Hosting;

/// <summary>What the command line asked for.</summary>
public sealed record BenchOptions
{
    public required string Directory { get; init; }
    public required string ViceProgram { get; init; }
    public required string VenusProgram { get; init; }

    /// <summary>passthrough, daemon or auto: handed to Venus as it is.</summary>
    public string Io { get; init; } = "auto";
    /// <summary>One more client, with changes written behind, up to this age; null: none.</summary>
    public string? WriteBehind { get; init; }
    public bool OverUnixSocket { get; init; }

    /// <summary>Compare the control with the peer alone.</summary>
    public bool WithoutCell { get; init; }
    public string? Peer { get; init; }
    public string? Tree { get; init; }
    /// <summary>Run with sh in a copy of <see cref="Tree"/>.</summary>
    public string BuildCommand { get; init; } = "make";
    public string? JsonFile { get; init; }
    public IReadOnlyList<string> Only { get; init; } = [];
    public int? Runs { get; init; }
    /// <summary>What each fsync takes more than the disk needs; null: nothing.</summary>
    public int? FsyncMs { get; init; }
    public bool Quick { get; init; }
    public bool Keep { get; init; }

    public int RunsOrDefault => Runs ?? (Quick ? 3 : 5);
}
