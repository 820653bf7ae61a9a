using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>Something in the mount, and its path from the mount point.</summary>
internal sealed record TreeEntry(string Path, FetchStatus Status);
