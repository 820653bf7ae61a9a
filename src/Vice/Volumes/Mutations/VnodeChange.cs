using Afs.Wire;

namespace Afs.Vice.Volumes.Mutations;

/// <summary>A vnode that a mutation changed or removed, so that promises on it are void.</summary>
/// <param name="Names">A directory whose entries changed: which names did. Null: anything may have.</param>
public sealed record VnodeChange(Fid Fid, IReadOnlyList<byte[]>? Names);
