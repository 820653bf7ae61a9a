using Afs.Fuse;
using Afs.Venus.Cache;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>
/// The locks of this mount's processes: flock(2), fcntl(2) and open file description locks. The rules:
/// <list type="number">
/// <item>A lock belongs to a fid. It doesn't matter by which node, name or version of the file it was taken.</item>
/// <item>Two locks conflict if their owners differ, their ranges overlap and one of them is for writing. An flock and an fcntl lock never conflict.</item>
/// <item>An owner holds each byte by one kind at most: a new lock replaces what the owner held there. A flock that changes its kind is let go first,
/// and is lost if the new one isn't granted (fs/locks.c, flock_lock_inode).</item>
/// <item>A lock that conflicts with none that is held is granted at once, even if others wait. Of those that wait, the first that can be granted is granted first.</item>
/// <item>An fcntl lock is refused (EDEADLK) if it would wait for an owner that waits, directly or through others, for this owner.</item>
/// <item>close() ends the closing owner's fcntl locks of the file (<see cref="Flushed"/>). The end of an open file ends the locks that were taken through it
/// (<see cref="Released"/>); the kernel tells of that a moment after the last close() has returned. So a lock of an open file that may be closed may end
/// "soon", and a request that must not wait waits for the RELEASEs that were sent before it all the same.</item>
/// <item>A range is recorded for a successor of this daemon before the ranges that it replaces are removed. So a crash between two records loses no lock that is held.</item>
/// <item>Where locks hold in the cell (<see cref="ICellLocks"/>), this table decides about a file while it is <see cref="IsHere"/>. Else each request is the server's to decide (<see cref="LockOutcome.AskServer"/>), nobody waits
/// here, and the table records what was granted, so that it ends with who holds it.</item>
/// </list>
/// It owns all of this state. Every method is safe for concurrent use, waits for nobody, and completes waiters only after it has let go of its own lock.
/// </summary>
/// <param name="bringCurrent">Locks hold in the cell, and a grant of the server waits for this. Null: this table decides about all files.</param>
internal sealed class LockTable(LockRecords records, Func<FileHandle, ValueTask<Failure>>? bringCurrent = null) : IHeldLocks
{
    /// <summary>Each waiter is a request in a task, of which all operations together may have 4096.</summary>
    public const int MostWaiters = 1024;

    /// <summary>Ranges of one file. Each call for the file looks at all of them.</summary>
    public const int MostRangesOfFile = 1 << 14;

    public const int MostRanges = 1 << 18;

    /// <summary>How many files are remembered as locked before. One more, and all but those with locks are forgotten.</summary>
    private const int MostRemembered = 1 << 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<Fid, LockedFile> _files = [];

    /// <summary>The requests that wait for fcntl locks, by owner: the graph of rule 5.</summary>
    private readonly Dictionary<ulong, List<LockWaiter>> _waitersOf = [];
    private readonly HashSet<Fid> _everLocked = [];

    /// <summary>Open files by which a lock was held that was lost. Each until its end.</summary>
    private readonly Dictionary<FileHandle, Fid> _lost = [];
    private int _ranges, _waiters, _remembered, _lostCount;

    private bool IsOfCell => bringCurrent is not null;

    /// <summary>How many ranges are held, and how many requests wait.</summary>
    public (int Ranges, int Waiters) Counts
    {
        get
        {
            lock (_gate)
                return (_ranges, _waiters);
        }
    }

    /// <summary>Somebody locked the file since the mount was made. An open from now on must have each of its closes told.</summary>
    public bool WasLocked(Fid fid)
    {
        if (Volatile.Read(ref _remembered) == 0)
            return false;
        lock (_gate)
            return _everLocked.Contains(fid) || _files.ContainsKey(fid);
    }

    /// <summary>A lock that conflicts with the wanted one; of kind Unlock where there is none.</summary>
    /// <param name="mayEnd">The conflicting lock is of an open file that may be closed already.</param>
    public FileLock Test(Fid fid, FileLock wanted, out bool mayEnd)
    {
        lock (_gate)
        {
            HeldLock? held = _files.TryGetValue(fid, out LockedFile? file) ? file.FindConflict(wanted) : null;
            mayEnd = held is { Soon: true };
            return held?.Lock ?? wanted with { Kind = FileLockKind.Unlock };
        }
    }

    /// <summary>Locks or unlocks.</summary>
    /// <param name="isSilent">Descriptors of this open file close without a FLUSH.</param>
    /// <param name="wait">What to do if it conflicts.</param>
    /// <param name="waiter">Set if the outcome is <see cref="LockOutcome.Waits"/>.</param>
    public LockOutcome Set(Fid fid, FileHandle handle, FileLock wanted, bool isSilent, LockWait wait, out LockWaiter? waiter)
    {
        waiter = null;
        var granted = new List<LockWaiter>();
        LockOutcome outcome;
        lock (_gate)
        {
            if (!_files.TryGetValue(fid, out LockedFile? file))
            {
                if (wanted.Kind == FileLockKind.Unlock)
                    return LockOutcome.Granted;
                if (IsOfCell)
                    return AskServer(fid);
                _files[fid] = file = new LockedFile();
            }
            if (IsOfCell && !file.IsHere)
                return wanted.Kind == FileLockKind.Unlock && !file.Held.Exists(held => held.IsCutBy(wanted)) ? LockOutcome.Granted : AskServer(fid);
            outcome = SetHere(fid, file, new LockWaiter(fid, handle, wanted, isSilent, wait == LockWait.UntilFree, bringCurrent), wait, granted);
            if (outcome == LockOutcome.Waits)
                waiter = file.Waiters[^1];
            Grant(file, granted);
            if (file.IsEmpty)
                _files.Remove(fid);
        }
        Complete(granted);
        return outcome;
    }

    /// <summary>Removes a waiter. False: its lock was granted meanwhile.</summary>
    public bool Withdraw(LockWaiter waiter)
    {
        lock (_gate)
        {
            if (!_files.TryGetValue(waiter.Fid, out LockedFile? file) || !file.Waiters.Remove(waiter))
                return false;
            NoLongerWaits(waiter);
            if (file.IsEmpty)
                _files.Remove(waiter.Fid);
        }
        return true;
    }

    /// <summary>A descriptor of this open file was closed, by this owner. What the server is to be told.</summary>
    public FreedLocks Flushed(Fid fid, FileHandle handle, ulong owner) => Free(
        fid,
        held => !held.Lock.IsFlock && held.Lock.Owner == owner,
        held => held.MayBeClosed |= held.Handle == handle);

    /// <summary>The last descriptor of this open file is gone. What the server is to be told.</summary>
    public FreedLocks Released(Fid fid, FileHandle handle)
    {
        FreedLocks freed = Free(fid, held => held.Handle == handle, static _ => { });
        if (!IsLost(handle))
            return freed;
        lock (_gate)
        {
            _lost.Remove(handle);
            Volatile.Write(ref _lostCount, _lost.Count);
        }
        return freed with { WasLost = true };
    }

    /// <summary>Lets go of a range where the server decides. What it is to be told.</summary>
    public FreedLocks Unlock(Fid fid, FileLock range)
    {
        lock (_gate)
        {
            if (!_files.TryGetValue(fid, out LockedFile? file))
                return FreedLocks.None;
            bool hadWrites = file.Held.Exists(held => held.IsCutBy(range) && held.Lock.Kind == FileLockKind.Write);
            bool isAny = Cut(fid, file, range, except: null);
            RemoveIfEmpty(fid, file);
            return isAny && !file.IsHere ? new FreedLocks([ToRange(range)], hadWrites) : FreedLocks.None;
        }
    }

    /// <summary>A lock was held by this open file that was lost: whoever goes on with it would take it for held.</summary>
    public bool IsLost(FileHandle handle)
    {
        if (Volatile.Read(ref _lostCount) == 0)
            return false;
        lock (_gate)
            return _lost.ContainsKey(handle);
    }

    /// <summary>The owner holds something of this range for writing.</summary>
    public bool IsHeldForWriting(Fid fid, FileLock range)
    {
        lock (_gate)
            return _files.TryGetValue(fid, out LockedFile? file) && file.Held.Exists(held => held.IsCutBy(range) && held.Lock.Kind == FileLockKind.Write);
    }

    /// <inheritdoc cref="ICellLocks"/>
    public bool IsHere(Fid fid)
    {
        lock (_gate)
            return !IsOfCell || _files.TryGetValue(fid, out LockedFile? file) && file.IsHere;
    }

    void IHeldLocks.Granted(AskedLock asked, bool isHere)
    {
        lock (_gate)
        {
            LockedFile file = FindOrMake(asked.Fid);
            file.IsHere |= isHere;
            Remember(asked.Fid);
            Hold(asked.Fid, file, (LockWaiter)asked);
        }
    }

    void IHeldLocks.LetGoToChange(AskedLock asked)
    {
        lock (_gate)
        {
            if (!asked.Range.IsFlock || !_files.TryGetValue(asked.Fid, out LockedFile? file) || file.IsHere)
                return;
            Cut(asked.Fid, file, ((LockWaiter)asked).Lock, except: null);
            RemoveIfEmpty(asked.Fid, file);
        }
    }

    void IHeldLocks.TakeHere(Fid fid, bool isGone)
    {
        lock (_gate)
        {
            LockedFile file = FindOrMake(fid);
            (file.IsHere, file.IsGone) = (true, isGone);
        }
    }

    (IReadOnlyList<LockRange> Held, IReadOnlyList<AskedLock> Waiting) IHeldLocks.Surrender(Fid fid)
    {
        lock (_gate)
        {
            if (!_files.TryGetValue(fid, out LockedFile? file))
                return ([], []);
            LockRange[] held = [.. file.Held.Select(static held => ToRange(held.Lock))];
            return (held, TakeWaiters(fid, file));
        }
    }

    IReadOnlyList<LockRange> IHeldLocks.RangesOf(Fid fid)
    {
        lock (_gate)
            return _files.TryGetValue(fid, out LockedFile? file) ? [.. file.Held.Select(static held => ToRange(held.Lock))] : [];
    }

    IReadOnlyList<AskedLock> IHeldLocks.Lose(Fid fid)
    {
        lock (_gate)
        {
            if (!_files.TryGetValue(fid, out LockedFile? file) || file.IsGone)
                return [];
            foreach (HeldLock held in file.Held)
            {
                _lost[held.Handle] = fid;
                records.Remove(held);
            }
            _ranges -= file.Held.Count;
            file.Held.Clear();
            Volatile.Write(ref _lostCount, _lost.Count);
            return TakeWaiters(fid, file);
        }
    }

    bool IHeldLocks.HasLost(Fid fid)
    {
        lock (_gate)
            return _lost.ContainsValue(fid);
    }

    private IReadOnlyList<AskedLock> TakeWaiters(Fid fid, LockedFile file)
    {
        AskedLock[] waiting = [.. file.Waiters];
        file.Waiters.ForEach(NoLongerWaits);
        file.Waiters.Clear();
        file.IsHere = false;
        RemoveIfEmpty(fid, file);
        return waiting;
    }

    private LockedFile FindOrMake(Fid fid)
    {
        if (!_files.TryGetValue(fid, out LockedFile? file))
            _files[fid] = file = new LockedFile();
        return file;
    }

    private void RemoveIfEmpty(Fid fid, LockedFile file)
    {
        if (file.IsEmpty)
            _files.Remove(fid);
    }

    /// <summary>From here on each close of the file is told.</summary>
    private LockOutcome AskServer(Fid fid)
    {
        Remember(fid);
        return LockOutcome.AskServer;
    }

    internal static LockRange ToRange(FileLock range) => new(
        range.Start, range.End, range.IsFlock, range.Kind switch { FileLockKind.Read => LockMode.Read, FileLockKind.Write => LockMode.Write, _ => LockMode.Unlock }, new LockOwner(range.Owner), range.Pid);

    /// <summary>What a predecessor recorded. Once, before anything is locked. The files that it is of.</summary>
    public IReadOnlyList<Fid> TakeOver()
    {
        lock (_gate)
        {
            foreach ((Fid fid, HeldLock held) in records.TakeOver())
            {
                FindOrMake(fid).Held.Add(held);
                _ranges++;
                Remember(fid);
            }
            return [.. _files.Keys];
        }
    }

    /// <summary>The locks that are held of a file; for tests.</summary>
    public IReadOnlyList<FileLock> HeldOf(Fid fid)
    {
        lock (_gate)
            return _files.TryGetValue(fid, out LockedFile? file) ? [.. file.Held.Select(static held => held.Lock)] : [];
    }

    private LockOutcome SetHere(Fid fid, LockedFile file, LockWaiter asked, LockWait wait, List<LockWaiter> granted)
    {
        FileLock wanted = asked.Lock;
        if (wanted.Kind == FileLockKind.Unlock)
        {
            Cut(fid, file, wanted, except: null);
            return LockOutcome.Granted;
        }
        if (_ranges + 2 > MostRanges || file.Held.Count + 2 > MostRangesOfFile)
            return LockOutcome.TooMany;
        Remember(fid);
        if (wanted.IsFlock)
        {
            if (file.Held.Exists(held => held.Lock.IsFlock && held.Lock.Owner == wanted.Owner && held.Lock.Kind == wanted.Kind))
                return LockOutcome.Granted;
            if (Cut(fid, file, wanted, except: null) && file.FindConflict(wanted) is not null)
                Grant(file, granted);
        }
        if (file.FindConflict(wanted) is not { } conflict)
        {
            Hold(fid, file, asked);
            return LockOutcome.Granted;
        }
        if (wait == LockWait.Never)
            return conflict.Soon ? LockOutcome.ConflictsWithWhatMayEnd : LockOutcome.Conflicts;
        if (wait == LockWait.UntilFree && !wanted.IsFlock && WouldDeadlock(asked))
            return LockOutcome.Deadlock;
        if (_waiters >= MostWaiters)
            return LockOutcome.TooMany;
        file.Waiters.Add(asked);
        _waiters++;
        asked.BeginWaiting();
        if (wait == LockWait.UntilFree && !wanted.IsFlock)
        {
            if (!_waitersOf.TryGetValue(wanted.Owner, out List<LockWaiter>? ofOwner))
                _waitersOf[wanted.Owner] = ofOwner = [];
            ofOwner.Add(asked);
        }
        return LockOutcome.Waits;
    }

    private void Remember(Fid fid)
    {
        if (_everLocked.Count >= MostRemembered)
            _everLocked.Clear();
        _everLocked.Add(fid);
        Volatile.Write(ref _remembered, _everLocked.Count);
    }

    /// <summary>Rule 3, for a lock that conflicts with nothing. Neighbours of the same kind, by the same open file, become one.</summary>
    private void Hold(Fid fid, LockedFile file, LockWaiter asked)
    {
        var made = new HeldLock(asked.Lock, asked.Handle, asked.IsSilent);
        for (int i = file.Held.Count - 1; i >= 0; i--)
        {
            if (file.Held[i].MayJoin(made))
                made.Lock = made.Lock with { Start = Math.Min(made.Lock.Start, file.Held[i].Lock.Start), End = Math.Max(made.Lock.End, file.Held[i].Lock.End) };
        }
        records.Add(fid, made);
        file.Held.Add(made);
        _ranges++;
        Cut(fid, file, made.Lock, except: made);
    }

    /// <summary>Takes this range away from what its owner holds, except from one lock. True: the owner held something of it.</summary>
    private bool Cut(Fid fid, LockedFile file, FileLock range, HeldLock? except)
    {
        bool any = false;
        for (int i = file.Held.Count - 1; i >= 0; i--)
        {
            HeldLock held = file.Held[i];
            FileLock old = held.Lock;
            if (held == except || !held.IsCutBy(range))
                continue;
            any = true;
            bool keepsFront = old.Start < range.Start, keepsEnd = old.End > range.End;
            if (keepsFront && keepsEnd)
            {
                var end = new HeldLock(old with { Start = range.End + 1 }, held.Handle, held.IsSilent) { MayBeClosed = held.MayBeClosed };
                records.Add(fid, end);
                file.Held.Add(end);
                _ranges++;
            }
            if (keepsFront || keepsEnd)
            {
                held.Lock = keepsFront ? old with { End = range.Start - 1 } : old with { Start = range.End + 1 };
                records.Change(held);
                continue;
            }
            records.Remove(held);
            file.Held.RemoveAt(i);
            _ranges--;
        }
        return any;
    }

    private FreedLocks Free(Fid fid, Predicate<HeldLock> isOver, Action<HeldLock> note)
    {
        if (Volatile.Read(ref _remembered) == 0)
            return FreedLocks.None;
        var granted = new List<LockWaiter>();
        List<LockRange>? toTell = null;
        bool hadWrites = false;
        lock (_gate)
        {
            if (!_files.TryGetValue(fid, out LockedFile? file))
                return FreedLocks.None;
            bool isServers = IsOfCell && !file.IsHere;
            for (int i = file.Held.Count - 1; i >= 0; i--)
            {
                HeldLock held = file.Held[i];
                note(held);
                if (!isOver(held))
                    continue;
                if (isServers)
                    (toTell ??= []).Add(ToRange(held.Lock));
                hadWrites |= held.Lock.Kind == FileLockKind.Write;
                records.Remove(held);
                file.Held.RemoveAt(i);
                _ranges--;
            }
            Grant(file, granted);
            RemoveIfEmpty(fid, file);
        }
        Complete(granted);
        return toTell is null ? FreedLocks.None : new FreedLocks(toTell, hadWrites);
    }

    /// <summary>Rule 4. To grant one may free another, if it replaces a lock for writing: so the search begins anew.</summary>
    private void Grant(LockedFile file, List<LockWaiter> granted)
    {
        for (int i = 0; i < file.Waiters.Count;)
        {
            LockWaiter first = file.Waiters[i];
            if (file.FindConflict(first.Lock) is not null)
            {
                i++;
                continue;
            }
            file.Waiters.RemoveAt(i);
            NoLongerWaits(first);
            Hold(first.Fid, file, first);
            granted.Add(first);
            i = 0;
        }
    }

    private void NoLongerWaits(LockWaiter waiter)
    {
        _waiters--;
        if (_waitersOf.TryGetValue(waiter.Lock.Owner, out List<LockWaiter>? ofOwner) && ofOwner.Remove(waiter) && ofOwner.Count == 0)
            _waitersOf.Remove(waiter.Lock.Owner);
    }

    /// <summary>Rule 5: follows the waits, beginning with the owners that this request would wait for. True: they lead back to its own owner.</summary>
    private bool WouldDeadlock(LockWaiter asked)
    {
        var seen = new HashSet<ulong>();
        var next = new Stack<LockWaiter>([asked]);
        while (next.TryPop(out LockWaiter? waiting))
        {
            foreach (HeldLock held in _files[waiting.Fid].Held)
            {
                if (!held.ConflictsWith(waiting.Lock))
                    continue;
                if (held.Lock.Owner == asked.Lock.Owner)
                    return true;
                if (!seen.Add(held.Lock.Owner) || !_waitersOf.TryGetValue(held.Lock.Owner, out List<LockWaiter>? theirs))
                    continue;
                foreach (LockWaiter theirWait in theirs)
                    next.Push(theirWait);
            }
        }
        return false;
    }

    private static void Complete(List<LockWaiter> granted)
    {
        foreach (LockWaiter waiter in granted)
            waiter.Decide(LockVerdict.Granted);
    }

    private sealed class LockedFile
    {
        public List<HeldLock> Held { get; } = [];

        /// <summary>In the order in which they came.</summary>
        public List<LockWaiter> Waiters { get; } = [];

        /// <summary>This table decides: the file's token is here. Without a meaning where locks don't hold in the cell.</summary>
        public bool IsHere { get; set; }

        /// <summary>There is no such file at the server any more: nobody else can ask.</summary>
        public bool IsGone { get; set; }

        public bool IsEmpty => Held.Count == 0 && Waiters.Count == 0 && (!IsHere || IsGone);

        public HeldLock? FindConflict(FileLock wanted)
        {
            HeldLock? found = null;
            foreach (HeldLock held in Held)
            {
                // A lock that stays is preferred to one that may end at any moment.
                if (held.ConflictsWith(wanted) && (found is null || found.Soon))
                    found = held;
            }
            return found;
        }
    }
}

/// <summary>What became of a request.</summary>
internal enum LockOutcome
{
    Granted,
    Waits,
    Conflicts,

    /// <summary>All conflicting locks are of open files that may be closed already.</summary>
    ConflictsWithWhatMayEnd,
    Deadlock,
    TooMany,

    /// <summary>It isn't for this table to decide.</summary>
    AskServer,
}

/// <summary>What the server is to be told: its locks, which no process holds any more.</summary>
/// <param name="HadWrites">Some were for writing.</param>
internal readonly record struct FreedLocks(IReadOnlyList<LockRange> Ranges, bool HadWrites)
{
    public static readonly FreedLocks None = new([], false);

    /// <summary>The open file that ended had lost a lock.</summary>
    public bool WasLost { get; init; }

    public bool IsNone => Ranges.Count == 0 && !WasLost;
}

/// <summary>Whether a request waits where it conflicts.</summary>
internal enum LockWait
{
    Never,

    /// <summary>For locks that may end at any moment. The request is withdrawn soon after, so no deadlock comes of it.</summary>
    Briefly,
    UntilFree,
}

/// <summary>One range that an owner holds. Owned by the table, under its lock.</summary>
internal sealed class HeldLock(FileLock held, FileHandle handle, bool isSilent)
{
    public FileLock Lock { get; set; } = held;

    /// <summary>The open file that it was taken through.</summary>
    public FileHandle Handle { get; } = handle;

    /// <summary>The kernel sends no FLUSH when a descriptor of that open file is closed.</summary>
    public bool IsSilent { get; } = isSilent;

    /// <summary>A descriptor of its open file was closed, maybe the last.</summary>
    public bool MayBeClosed { get; set; }

    /// <summary>The index of its record for a successor; -1: it has none.</summary>
    public int Record { get; set; } = -1;

    /// <summary>Its open file may be closed already, and the RELEASE on its way: it may end soon, by itself.</summary>
    public bool Soon => IsSilent || MayBeClosed;

    /// <summary>A lock of this range by its owner replaces some of it.</summary>
    public bool IsCutBy(FileLock range) => Lock.IsFlock == range.IsFlock && Lock.Owner == range.Owner && Lock.Start <= range.End && range.Start <= Lock.End;

    public bool ConflictsWith(FileLock wanted) =>
        Lock.IsFlock == wanted.IsFlock && Lock.Owner != wanted.Owner && Lock.Start <= wanted.End && wanted.Start <= Lock.End
        && (Lock.Kind == FileLockKind.Write || wanted.Kind == FileLockKind.Write);

    public bool MayJoin(HeldLock other) =>
        Lock.IsFlock == other.Lock.IsFlock && Lock.Owner == other.Lock.Owner && Lock.Kind == other.Lock.Kind && Handle == other.Handle
        && (other.Lock.End == ulong.MaxValue || Lock.Start <= other.Lock.End + 1) && (Lock.End == ulong.MaxValue || other.Lock.Start <= Lock.End + 1);
}

/// <summary>A request that waits, or is about to.</summary>
/// <param name="bringCurrent">What a grant by the server waits for; null where none comes from there.</param>
internal sealed class LockWaiter(Fid fid, FileHandle handle, FileLock wanted, bool isSilent, bool waits, Func<FileHandle, ValueTask<Failure>>? bringCurrent) : AskedLock(fid, waits)
{
    public FileHandle Handle { get; } = handle;

    public FileLock Lock { get; } = wanted;

    public bool IsSilent { get; } = isSilent;

    public override LockRange Range => LockTable.ToRange(Lock);

    public override ValueTask<Failure> BringCurrentAsync() => bringCurrent?.Invoke(Handle) ?? new(Failure.None);
}
