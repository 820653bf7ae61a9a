using Afs.Wire;

namespace Afs.Venus.Callbacks;

/// <summary>
/// When a cached status may be believed. All trust of Venus rests on these rules; the rest of the cache holds versions only, and a
/// directory's entries or a container are current where their version is that of a status that is believed.
///
/// Events that end promises:
///  E1  the server breaks one (a change by another client): <see cref="BreakLog.Note"/>, then the promise is dropped;
///  E2  the server breaks a whole volume, restarts (a new epoch), dropped this client's promises (its reset count rose), or gave it a new
///      session; or the lease ended: <see cref="ServerTrust"/> starts a new generation;
///  E3  this client gives one up: <see cref="BreakLog.Hold"/> until the server has answered, because a fetch may overtake it.
///
/// Rules:
///  R1  A promise belongs to the generation that was noted before its call was sent. It holds while that generation lasts and the lease runs.
///  R2  A reply grants a promise only if its fid was not broken since before the call was sent. Else a break overtook the reply: its data
///      is good for whoever made the call, and for nobody later.
///  R3  A status never replaces one of a higher version. Versions of one volume incarnation only rise.
///  R4  A status that a mutation of this client returns beside its main one grants nothing, but keeps a promise that was held, if its
///      version is the next one. Where it is not, somebody else's change came between, whose break may still be on its way, and the server may no
///      longer count this client among the holders.
///  R5  Replies of mutations that ran side by side may come in any order. A gap in the versions suspends the promise; when the replies that are
///      on their way fill it, R4 holds for each in turn, and the promise is kept; when none is on its way and the gap is left, it is dropped.
///  R6  The owner of a joined fetch may use its reply without a promise (R2); whoever joined it may not, since their reason to ask may be
///      younger than the call.
///
/// (Linux fs/afs/validation.c and fs_operation.c; OpenAFS afs_callback.c; Howard et al. 1988, section 3.2.)
/// </summary>
public static class PromiseRules
{
    /// <summary>The generation of what an earlier daemon was promised. No generation of this one is ever the same: it is suspect.</summary>
    public const uint Restored = uint.MaxValue;

    /// <summary>R2: the generation in which the promise holds; zero for none.</summary>
    public static uint Grant(CallMark mark, bool brokenSince) => brokenSince ? 0 : mark.Generation;

    /// <summary>R3.</summary>
    public static bool IsOlder(StatusVersion reply, StatusVersion cached) => reply.Value < cached.Value;

    /// <summary>R4.</summary>
    public static bool Follows(StatusVersion reply, StatusVersion cached) => reply == cached.Next;

    /// <summary>R1.</summary>
    public static bool Holds(uint promised, uint generation, bool leaseRuns) => promised != 0 && promised == generation && leaseRuns;
}
