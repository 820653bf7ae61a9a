using Afs.Wire;

namespace Afs.Vice.Volumes.Content;

/// <summary>A version of a file's content that differs from the one before it in these extents only; it may be longer.</summary>
public sealed record ContentChange(DataVersion Before, DataVersion Version, IReadOnlyList<Extent> Extents);
