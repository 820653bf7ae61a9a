using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>The names of a directory at one version. All of the directory's own volume.</summary>
internal sealed record SavedDirectory(Fid Fid, DataVersion Version, IReadOnlyList<ListedName> Names);
