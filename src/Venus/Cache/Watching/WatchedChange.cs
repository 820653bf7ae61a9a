using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What a watch found.</summary>
internal enum WatchedKind : byte
{
    Watching,
    Created,
    Removed,
    Renamed,
    Replaced,
    Stored,
    Changed,
    OutOfTouch,
    InTouch,
    Missed,
}

/// <param name="Path">From the mount point.</param>
/// <param name="From">Renamed: the path before.</param>
/// <param name="Status">Afterwards; null where it isn't known.</param>
/// <param name="Count">Watching: vnodes. Missed: changes.</param>
internal sealed record WatchedChange(WatchedKind Kind, string? Path = null, string? From = null, FetchStatus? Status = null, long? Count = null, string? Reason = null);
