using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>The entries of one directory at one version; immutable, in the order of names as bytes. Without '.' and '..'.</summary>
public sealed record DirectoryListing(Fid Directory, Fid Parent, DataVersion Version, IReadOnlyList<ListedName> Names);

/// <summary>One entry of a listing.</summary>
public readonly record struct ListedName(byte[] Name, Fid Fid, FileType Type);
