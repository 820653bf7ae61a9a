using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>What the cache holds of a file's content.</summary>
/// <param name="Version">The version of the server that it is, or that its changes started from.</param>
/// <param name="IsDirty">It has changes that are not stored yet.</param>
public readonly record struct CachedContent(DataVersion Version, long AllocatedBytes, bool IsDirty, bool IsOpen, bool IsOpenForWriting);
