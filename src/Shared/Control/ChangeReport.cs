namespace Afs.Control;

/// <summary>Something that a watch tells.</summary>
public sealed record ChangeReport
{
    public required DateTimeOffset Time { get; init; }

    /// <summary>One of <see cref="ChangeKinds"/>.</summary>
    public required string Kind { get; init; }

    public string? Path { get; init; }

    /// <summary>Renamed: the name before.</summary>
    public string? From { get; init; }

    public string? Fid { get; init; }

    public string? Type { get; init; }

    public ulong? DataVersion { get; init; }

    public long? LengthBytes { get; init; }

    /// <summary>Watching: objects that are watched. Missed: changes that came faster than they were read.</summary>
    public long? Count { get; init; }

    public string? Reason { get; init; }
}
