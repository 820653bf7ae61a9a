using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Volumes.Mutations;

/// <summary>A store won over a version that its writer had not seen.</summary>
/// <param name="Base">What the winner's changes started from.</param>
/// <param name="Replaced">What was current.</param>
public sealed record UnseenReplacement(Fid Fid, DataVersion Base, DataVersion Replaced, ClientId Winner, ClientId Loser);
