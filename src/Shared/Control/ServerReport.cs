namespace Afs.Control;

/// <summary>How a file server answered.</summary>
public sealed record ServerReport
{
    public required string MountPoint { get; init; }

    public required string Server { get; init; }

    public required bool IsUp { get; init; }

    /// <summary>Null where it doesn't answer, as the rest.</summary>
    public double? RoundTripMs { get; init; }

    public string? Version { get; init; }

    /// <summary>Counts the lives of the server.</summary>
    public ulong? Epoch { get; init; }

    public long? UptimeMs { get; init; }

    public string? Trouble { get; init; }
}
