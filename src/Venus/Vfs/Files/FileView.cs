using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>What a node's open container says of the file, against the server's current version.</summary>
internal readonly record struct FileView
{
    /// <summary>Nobody has it open through this node.</summary>
    public static readonly FileView Closed = default;

    public bool IsOpen { get; init; }

    /// <summary>Changed or open for writing here: <see cref="Local"/> holds.</summary>
    public bool IsLocal { get; init; }

    public LocalStatus Local { get; init; }

    /// <summary>Open at a version that isn't the current one, without local changes.</summary>
    public bool IsOld { get; init; }

    public long OldLengthBytes { get; init; }

    /// <summary>The status of the old version, where it is known.</summary>
    public FetchStatus? OldStatus { get; init; }
}
