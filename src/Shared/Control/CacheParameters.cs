namespace Afs.Control;

/// <summary>How much the cache of a mount holds, and may hold.</summary>
public sealed record CacheParameters
{
    public required string MountPoint { get; init; }

    public required string Folder { get; init; }

    public required long UsedBytes { get; init; }

    public required long LimitBytes { get; init; }

    public required int Files { get; init; }

    public required int LimitFiles { get; init; }

    /// <summary>What the cache leaves free on its disk.</summary>
    public required long LeftFreeBytes { get; init; }
}
