using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>A promise on something that is watched has gone: what was known of it at that moment.</summary>
/// <param name="Before">Null: nothing.</param>
/// <param name="Names">A directory's names that the server says changed, each with what it stood for.</param>
internal sealed record BreakHint(Fid Fid, FetchStatus? Before, IReadOnlyList<NameBefore>? Names) : WatchHint;

/// <summary>All promises have gone.</summary>
internal sealed record LostHint(SuspectReason Reason) : WatchHint;

internal abstract record WatchHint;

/// <param name="Answer">Unknown: the directory wasn't cached.</param>
internal readonly record struct NameBefore(byte[] Name, LookupAnswer Answer, Fid Fid);
