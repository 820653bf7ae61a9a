namespace Afs.Vice.Service;

/// <summary>What an administrator chooses. The defaults serve a small cell.</summary>
public sealed record ViceOptions
{
    /// <summary>The volume that is made where there is none.</summary>
    public string VolumeName { get; init; } = "root";

    /// <summary>Owner of a new volume's root directory.</summary>
    public uint RootUid { get; init; }

    public uint RootGid { get; init; }

    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Promises held; beyond, the oldest are broken.</summary>
    public int MostPromises { get; init; } = 1_000_000;

    public int MostSessions { get; init; } = 100_000;

    /// <summary>A session whose client was silent for so long ends, and its objects without a name go.</summary>
    public TimeSpan SessionPatience { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Changes of directories that are remembered, so that clients need not list them again.</summary>
    public int DirectoryLogChanges { get; init; } = 262_144;

    /// <summary>Extents of changed contents that are remembered, so that clients need not fetch the whole again.</summary>
    public int ContentLogExtents { get; init; } = 262_144;

    /// <summary>For how long a version is kept that was replaced by a writer who hadn't seen it.</summary>
    public TimeSpan KeptFor { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How many of those are kept.</summary>
    public int MostKept { get; init; } = 1024;
}
