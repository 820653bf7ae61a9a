using Afs.Rpc;

namespace Afs.Wire;

/// <summary>Who locks: a number that the client gives to an open file (flock, OFD locks) or to a process (fcntl). Each session has its own.</summary>
public readonly record struct LockOwner(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// Names one request for a lock among those of its session, over all files and owners: the client counts them from 1, and never gives one twice. It counts on over restarts of the server, and over
/// lost leases.
/// </summary>
public readonly record struct LockNumber(ulong Value)
{
    public LockNumber Next => new(Value + 1);

    public override string ToString() => Value.ToString();
}

/// <summary>
/// Names one gift of a file's lock token to a session: the next has another. So a return that comes late is not taken for one of the token that is held now. Zero: no token.
/// </summary>
public readonly record struct LockTokenNumber(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// Names the time in which a session has not lost its locks. No two sessions, and no two such times, share one, also over restarts of the server. Zero: none.
/// </summary>
public readonly record struct LockFence(ulong Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>What a range is locked for.</summary>
public enum LockMode : byte
{
    /// <summary>Asks to let go.</summary>
    Unlock = 0,
    Read = 1,
    Write = 2,
}

/// <summary>A range of bytes, locked or to be.</summary>
/// <param name="Start">The first byte.</param>
/// <param name="End">The last byte; not before the first.</param>
/// <param name="IsFlock">By flock(2): the whole file, from 0 to 2^63-1 or beyond. Such a lock and one by fcntl(2) never conflict.</param>
/// <param name="Pid">Of the process, on its client; to be shown.</param>
[WireMessage]
public readonly partial record struct LockRange(
    [property: Key(0)] ulong Start,
    [property: Key(1)] ulong End,
    [property: Key(2)] bool IsFlock,
    [property: Key(3)] LockMode Mode,
    [property: Key(4)] LockOwner Owner,
    [property: Key(5)] uint Pid);

/// <summary>What became of a request for a lock.</summary>
public enum LockVerdict : byte
{
    /// <summary>It is held, or let go. Of a test: nothing conflicts.</summary>
    Granted = 0,

    /// <summary>The server decides later and says so by <see cref="LocksDecidedRequest"/>: which may come before this answer does.</summary>
    Queued = 1,

    /// <summary>Another's lock conflicts, and the request doesn't wait. An flock that changes its mode is lost by it, as on one machine.</summary>
    Conflict = 2,

    /// <summary>It would wait for an owner that waits for this one (EDEADLK).</summary>
    Deadlock = 3,

    /// <summary>There are too many locks or waiters (ENOLCK). Nothing was done.</summary>
    TooMany = 4,

    /// <summary>Its number was withdrawn, or answered, before it came. Nothing was done.</summary>
    Late = 5,

    /// <summary>This session has the file's token: it is for the client to decide. Nothing was done.</summary>
    IsHolders = 6,
}

/// <summary>A lock that conflicts with what was asked for.</summary>
/// <param name="IsOwn">It is of this very session, so that its pid is one of this client.</param>
[WireMessage]
public readonly partial record struct LockConflict(
    [property: Key(0)] LockRange Range,
    [property: Key(1)] bool IsOwn);

/// <summary>Locks, unlocks or tests. It is answered at once: a handler waits for no other call.</summary>
[WireMessage]
public sealed partial record SetLockRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required LockRange Range { get; init; }

    /// <summary>Where another's lock conflicts it waits in line, until it is decided or withdrawn.</summary>
    [Key(2)] public bool Waits { get; init; }

    /// <summary>Asks whether it would be granted (F_GETLK), and changes nothing.</summary>
    [Key(3)] public bool IsTest { get; init; }

    /// <summary>The client repeats a request, with the same number, until it is answered or its lease is over: it runs once, and each repetition gets the first answer.</summary>
    [Key(4)] public required LockNumber Number { get; init; }

    /// <summary>
    /// The client repeats no request of a lower number any more: what comes of these is late. Numbers reach no further than <see cref="Limits.LockNumbersUnanswered"/> beyond it.
    /// </summary>
    [Key(5)] public required LockNumber AnsweredBelow { get; init; }
}

[WireMessage]
public sealed partial record SetLockReply
{
    [Key(0)] public required LockVerdict Verdict { get; init; }

    /// <summary>
    /// Not zero: the session has the file's lock token from now on. It gives locks on the file to its own processes without asking; what they hold of it, this one among them, is the client's to
    /// know, and the server knows nothing of it any more.
    /// </summary>
    [Key(1)] public LockTokenNumber Token { get; init; }

    /// <summary>What conflicts; null where nothing does.</summary>
    [Key(2)] public LockConflict? Conflict { get; init; }

    /// <summary>
    /// Of the session. A store of what was written under a lock carries the fence with which the lock was granted (<see cref="StoreDataRequest.Fence"/>). Another than before: all that was
    /// granted under the one before is lost. Zero in an answer that is late.
    /// </summary>
    [Key(3)] public LockFence Fence { get; init; }

    /// <summary>Rises with all that the server decides of locks: of two answers or decisions the lower one was first, whichever is heard first.</summary>
    [Key(4)] public ulong Order { get; init; }
}

/// <summary>A request that waits is given up, as by a signal. One that wasn't heard of yet is refused when it comes.</summary>
[WireMessage]
public sealed partial record WithdrawLockRequest
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required LockNumber Number { get; init; }
}

[WireMessage]
public sealed partial record WithdrawLockReply
{
    /// <summary>
    /// It doesn't wait, and no decision is to come that the client hasn't answered. False: it was decided; the decision comes, or, where the request itself has no answer yet, its repetition gets it.
    /// A decision that came counts in any case.
    /// </summary>
    [Key(0)] public required bool IsWithdrawn { get; init; }
}

/// <summary>A request of a holder's process that waits for another of its processes.</summary>
[WireMessage]
public readonly partial record struct WaitingLock(
    [property: Key(0)] LockRange Range,
    [property: Key(1)] LockNumber Number);

/// <summary>
/// Gives a lock token back, as it was recalled, or because it isn't needed. The client has stored what was written under locks of the file, and has no answer to a <see cref="SetLockRequest"/> for it
/// to come. What its processes hold and wait for is the server's to know from the last part on; what waits comes before all others, in this order. A token that the session hasn't got is passed over.
/// </summary>
[WireMessage]
public sealed partial record ReturnLocksRequest
{
    [Key(0)] public required Fid Fid { get; init; }

    /// <summary>The one that is given back.</summary>
    [Key(1)] public required LockTokenNumber Token { get; init; }

    /// <summary>Which part of the list, from 0, where it is longer than one call. They come one after the other; part 0 begins anew.</summary>
    [Key(2)] public int Part { get; init; }
    [Key(3)] public bool HasMore { get; init; }
    [Key(4), Limit(Limits.LocksPerCall)] public required IReadOnlyList<LockRange> Held { get; init; }
    [Key(5), Limit(Limits.LocksPerCall)] public required IReadOnlyList<WaitingLock> Waiting { get; init; }
}

[WireMessage]
public sealed partial record ReturnLocksReply
{
}

/// <summary>
/// What a session held when the server was restarted is its again, if it says so before its lease is over; nobody is granted anything before each session that may have held locks has. Where the server
/// awaits nothing of the session it claims nothing, and lets go of all that it holds: so a client begins anew after it has lost its lease.
/// No other request for a lock is under way meanwhile.
/// </summary>
[WireMessage]
public sealed partial record ReclaimLocksRequest
{
    /// <summary>With which they were granted. It stays the session's; zero where nothing is claimed.</summary>
    [Key(0)] public required LockFence Fence { get; init; }

    /// <summary>Of this call, in the order of all numbers. What the session asked for with lower ones is void. A further part has a higher one.</summary>
    [Key(1)] public required LockNumber Number { get; init; }

    /// <summary>More is to be claimed by further calls. The last call says no, also one without locks. What is said of one file may be spread over calls.</summary>
    [Key(2)] public bool HasMore { get; init; }
    [Key(3), Limit(Limits.LocksPerCall)] public required IReadOnlyList<ClaimedLocks> Locks { get; init; }
}

/// <summary>Of one file. All lists of a call have at most <see cref="Limits.LocksPerCall"/> locks together.</summary>
[WireMessage]
public sealed partial record ClaimedLocks
{
    [Key(0)] public required Fid Fid { get; init; }

    /// <summary>The token that it had, and has again by this number. Then the lists are empty: what its processes hold is the client's to know. Zero: it had none.</summary>
    [Key(1)] public LockTokenNumber Token { get; init; }
    [Key(2), Limit(Limits.LocksPerCall)] public IReadOnlyList<LockRange> Held { get; init; } = [];
    [Key(3), Limit(Limits.LocksPerCall)] public IReadOnlyList<WaitingLock> Waiting { get; init; } = [];
}

[WireMessage]
public sealed partial record ReclaimLocksReply
{
    /// <summary>The session's from now on. Another than the one that was named: nothing of what was claimed is the session's, in this call and in those before.</summary>
    [Key(0)] public required LockFence Fence { get; init; }

    /// <summary>Files, by index, of which something that was claimed is another's, or for which there is no room: of what this call named of them the session has nothing.</summary>
    [Key(1), Limit(Limits.LocksPerCall)] public required IReadOnlyList<int> Lost { get; init; }
}

/// <summary>Who holds and who waits for locks on a file; for people.</summary>
[WireMessage]
public sealed partial record GetLocksRequest
{
    [Key(0)] public required Fid Fid { get; init; }
}

[WireMessage]
public sealed partial record GetLocksReply
{
    /// <summary>The client that has the file's token: it alone knows what its processes hold. Null: nobody has it.</summary>
    [Key(0), Limit(Limits.TextBytes)] public string? TokenClient { get; init; }

    /// <summary>Those that are held, and then those that wait, in line. As many as fit.</summary>
    [Key(1), Limit(Limits.LocksPerCall)] public required IReadOnlyList<ShownLock> Locks { get; init; }

    /// <summary>How many more there are.</summary>
    [Key(2)] public int MoreCount { get; init; }
}

[WireMessage]
public sealed partial record ShownLock
{
    [Key(0)] public required LockRange Range { get; init; }
    [Key(1)] public required bool IsHeld { get; init; }

    /// <summary>Which client's, as the server's own lists name it.</summary>
    [Key(2), Limit(Limits.TextBytes)] public required string Client { get; init; }

    /// <summary>It is of the session that asks.</summary>
    [Key(3)] public required bool IsOwn { get; init; }

    /// <summary>For how long it has been held, or has waited.</summary>
    [Key(4)] public required long AgeMs { get; init; }
}

/// <summary>A lock token that others wait for.</summary>
[WireMessage]
public readonly partial record struct LockRecall(
    [property: Key(0)] Fid Fid,
    [property: Key(1)] LockTokenNumber Token);

/// <summary>
/// Server to client: what became of requests that were <see cref="LockVerdict.Queued"/>. Sent again until it is answered or the session is over, in order: so a decision may come twice. One for a number that the
/// client doesn't know, or knows as decided, says nothing. Never a token.
/// </summary>
[WireMessage]
public sealed partial record LocksDecidedRequest
{
    [Key(0), Limit(Limits.LocksPerCall)] public required IReadOnlyList<LockDecision> Decisions { get; init; }

    /// <summary>
    /// Not zero: all that the session held and waited for under this fence is lost, for it kept others waiting for too long. As if its lease had been over. Said before all decisions of the call.
    /// </summary>
    [Key(1)] public LockFence LostFence { get; init; }
}

[WireMessage]
public sealed partial record LockDecision
{
    [Key(0)] public required Fid Fid { get; init; }
    [Key(1)] public required LockNumber Number { get; init; }

    /// <summary>Granted, Conflict, Deadlock or TooMany.</summary>
    [Key(2)] public required LockVerdict Verdict { get; init; }

    /// <summary>What conflicts; null where nothing does.</summary>
    [Key(3)] public LockConflict? Conflict { get; init; }
    [Key(4)] public LockFence Fence { get; init; }

    /// <summary>As in <see cref="SetLockReply.Order"/>. What is granted, and was let go by a later unlock of the same owner that is heard of first, is no longer held.</summary>
    [Key(5)] public ulong Order { get; init; }
}

[WireMessage]
public sealed partial record LocksDecidedReply
{
}
