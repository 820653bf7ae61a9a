using Afs.Rpc;
using Afs.Wire;

namespace Afs.Vice.Locks;

/// <summary>
/// One file's row in <see cref="ServerLocks"/>, under its lock: a token, or ranges that are held; and those who wait, in line. Here is what ranges do to each other, and nothing else:
/// <list type="number">
/// <item>Two locks clash if both are by flock or both by fcntl, their ranges overlap and one of them is for writing. Those of one owner never do: an owner holds each byte once.</item>
/// <item>An owner's new lock replaces what the owner held there. Neighbours of one mode become one.</item>
/// </list>
/// </summary>
internal sealed class FileLocks(Fid fid)
{
    public Fid Fid => fid;

    /// <summary>Null: the file is contended.</summary>
    public LockToken? Token { get; set; }

    public List<HeldRange> Held { get; } = [];

    /// <summary>Those who wait, in line.</summary>
    public List<QueuedLock> Queue { get; } = [];

    /// <summary>When the last session asked, and when another than that one last did.</summary>
    public SessionId LastAsker { get; private set; }

    public long AskedAt { get; private set; }

    public long OthersAskedAt { get; private set; } = long.MinValue;

    public bool IsEmpty => Token is null && Held.Count == 0 && Queue.Count == 0;

    /// <summary>Since when nobody has had anything to do with it; null: somebody has.</summary>
    public long? IdleSince { get; set; }

    /// <summary>A session wants something of it.</summary>
    public void NoteAsk(SessionId session, long now)
    {
        if (LastAsker != session && LastAsker != default)
            OthersAskedAt = AskedAt;
        (LastAsker, AskedAt) = (session, now);
    }

    /// <summary>Its token was returned, or lost: for a while it is nobody's.</summary>
    public void NoteReturn(long now) => OthersAskedAt = now;

    /// <summary>Who has anything to do with the file.</summary>
    public bool Concerns(LockHolder holder) =>
        Token?.Holder == holder || Held.Exists(held => held.Holder == holder) || Queue.Exists(queued => queued.Holder == holder);

    public static bool Clash(in LockRange one, in LockRange other) =>
        one.IsFlock == other.IsFlock && one.Start <= other.End && other.Start <= one.End && (one.Mode == LockMode.Write || other.Mode == LockMode.Write);

    /// <summary>What another owner holds and clashes with it.</summary>
    public HeldRange? FindConflict(LockHolder holder, in LockRange wanted)
    {
        foreach (HeldRange held in Held)
        {
            if (!held.IsOf(holder, wanted.Owner) && Clash(held.Range, wanted))
                return held;
        }
        return null;
    }

    /// <summary>Holds a lock that conflicts with nothing. True: it replaced something of its owner's.</summary>
    public bool Hold(LockHolder holder, LockRange range, long now)
    {
        foreach (HeldRange held in Held)
        {
            if (held.IsOf(holder, range.Owner) && held.Range.IsFlock == range.IsFlock && held.Range.Mode == range.Mode && Touch(held.Range, range))
            {
                range = range with { Start = Math.Min(range.Start, held.Range.Start), End = Math.Max(range.End, held.Range.End) };
                now = Math.Min(now, held.Since);
            }
        }
        bool replaces = Cut(holder, range);
        Held.Add(new HeldRange(holder, range, now));
        return replaces;
    }

    /// <summary>To take the range away from its owner leaves one lock more than there is.</summary>
    public bool WouldSplit(LockHolder holder, LockRange range) => Held.Exists(held =>
        held.IsOf(holder, range.Owner) && held.Range.IsFlock == range.IsFlock && held.Range.Start < range.Start && held.Range.End > range.End);

    /// <summary>Takes a range away from what its owner holds. True: the owner held something of it.</summary>
    public bool Cut(LockHolder holder, in LockRange range)
    {
        bool any = false;
        for (int i = Held.Count - 1; i >= 0; i--)
        {
            HeldRange held = Held[i];
            LockRange old = held.Range;
            if (!held.IsOf(holder, range.Owner) || old.IsFlock != range.IsFlock || old.Start > range.End || range.Start > old.End)
                continue;
            any = true;
            if (old.End > range.End)
                Held.Add(held with { Range = old with { Start = range.End + 1 } });
            if (old.Start < range.Start)
                Held[i] = held with { Range = old with { End = range.Start - 1 } };
            else
                Held.RemoveAt(i);
        }
        return any;
    }

    /// <summary>One after the other without a gap, or overlapping.</summary>
    private static bool Touch(in LockRange one, in LockRange other) =>
        (one.End == ulong.MaxValue || other.Start <= one.End + 1) && (other.End == ulong.MaxValue || one.Start <= other.End + 1);

    /// <summary>What one session says that its processes hold can be: no two of these clash, and no owner has a byte twice.</summary>
    public static bool AreSound(IEnumerable<LockRange> ranges)
    {
        foreach (IGrouping<bool, LockRange> kind in ranges.GroupBy(static range => range.IsFlock))
        {
            // Of those that began before: up to where an owner has bytes, and how far the two owners who reach furthest do, of all and of those who write.
            Dictionary<LockOwner, ulong> ends = [];
            var any = default(FurthestEnds);
            var writers = default(FurthestEnds);
            foreach (LockRange range in kind.OrderBy(static range => range.Start))
            {
                if (ends.TryGetValue(range.Owner, out ulong end) && end >= range.Start)
                    return false;
                if (writers.OfOthers(range.Owner) >= range.Start || range.Mode == LockMode.Write && any.OfOthers(range.Owner) >= range.Start)
                    return false;
                ends[range.Owner] = range.End;
                any.Note(range);
                if (range.Mode == LockMode.Write)
                    writers.Note(range);
            }
        }
        return true;
    }

    /// <summary>INVARIANT: no two owners hold what clashes, no owner holds a byte twice, and where there is a token nothing else is held.</summary>
    public void CheckInvariants()
    {
        for (int i = 0; i < Held.Count; i++)
        {
            LockRange one = Held[i].Range;
            bool isSound = one.Start <= one.End && one.Mode is LockMode.Read or LockMode.Write && Token is null;
            for (int k = i + 1; isSound && k < Held.Count; k++)
            {
                LockRange other = Held[k].Range;
                bool isOneOwners = Held[k].IsOf(Held[i].Holder, one.Owner);
                isSound = isOneOwners ? one.IsFlock != other.IsFlock || one.Start > other.End || other.Start > one.End : !Clash(one, other);
            }
            if (!isSound)
                throw new InvalidOperationException($"Locks of {fid}: {one} clashes with another, or is held beside a token.");
        }
    }

    /// <summary>How far the two owners reach whose last bytes are the furthest.</summary>
    private struct FurthestEnds
    {
        private LockOwner? _first, _second;
        private ulong _firstEnd, _secondEnd;

        /// <summary>Null: nobody else has any.</summary>
        public readonly ulong? OfOthers(LockOwner owner) => _first is null ? null : _first != owner ? _firstEnd : _second is null ? null : _secondEnd;

        public void Note(in LockRange range)
        {
            if (_first == range.Owner || _first is null)
            {
                (_first, _firstEnd) = (range.Owner, _first is null ? range.End : Math.Max(_firstEnd, range.End));
            }
            else if (range.End > _firstEnd)
            {
                (_second, _secondEnd) = (_first, _firstEnd);
                (_first, _firstEnd) = (range.Owner, range.End);
            }
            else if (_second is null || _second == range.Owner || range.End > _secondEnd)
            {
                (_second, _secondEnd) = (range.Owner, _second == range.Owner ? Math.Max(_secondEnd, range.End) : range.End);
            }
        }
    }
}

/// <summary>A session in a time in which it doesn't lose its locks. The next such time is another holder: what the earlier one left is in its way as anybody's.</summary>
public sealed class LockHolder
{
    internal LockHolder(ILockSession session, LockFence fence) => (Session, Fence) = (session, fence);

    public ILockSession Session { get; }

    public LockFence Fence { get; }

    /// <summary>Its locks are lost to it, and are still in the way of others, until what it stored before is on stable storage.</summary>
    internal bool IsFallen { get; set; }

    /// <summary>Files in which it has anything.</summary>
    internal HashSet<FileLocks> Files { get; } = [];
}

/// <summary>One range that an owner holds.</summary>
/// <param name="Since">When its first byte was locked.</param>
internal readonly record struct HeldRange(LockHolder Holder, LockRange Range, long Since)
{
    public bool IsOf(LockHolder holder, LockOwner owner) => Range.Owner == owner && Holder == holder;
}

/// <summary>A file's lock token.</summary>
internal sealed class LockToken(LockHolder holder, LockTokenNumber number)
{
    public LockHolder Holder => holder;

    public LockTokenNumber Number => number;

    /// <summary>When its return was asked for; null: it wasn't.</summary>
    public long? RecalledAt { get; set; }

    /// <summary>The parts of its return that have come. Null: none.</summary>
    public ReturnedLocks? Returned { get; set; }
}

/// <summary>What a holder said of a token that it returns, up to now.</summary>
internal sealed class ReturnedLocks
{
    public int Parts { get; set; }

    public List<LockRange> Held { get; } = [];

    public List<WaitingLock> Waiting { get; } = [];
}

/// <summary>A request that is not decided yet.</summary>
internal sealed class QueuedLock(FileLocks file, LockHolder holder, LockRange range, LockNumber number, bool waits, bool isTest, long since)
{
    public FileLocks File => file;

    public LockHolder Holder => holder;

    public LockRange Range => range;

    public LockNumber Number => number;

    /// <summary>False: once it is known what is held it is decided, whatever that is.</summary>
    public bool Waits => waits;

    public bool IsTest => isTest;

    public long Since => since;

    /// <summary>It waited in the life before this one.</summary>
    public bool IsClaimed { get; init; }

    /// <summary>It was looked at when it was known what is held, conflicted, and waits. Else a token or claims are in its way.</summary>
    public bool IsWaiting { get; set; }
}
