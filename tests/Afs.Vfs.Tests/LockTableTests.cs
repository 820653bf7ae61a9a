using Afs.Fuse;
using Afs.Platform;
using Afs.Venus.Vfs;
using Afs.Wire;

namespace Afs.Vfs.Tests;

/// <summary>The lock table against a model that knows of each byte who holds it, and against its own records.</summary>
public sealed class LockTableTests
{
    private const int Bytes = 12, Owners = 4, Handles = 3, Files = 2;
    private static readonly Fid First = FidOf(1);

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 20)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void It_grants_what_the_model_grants_in_the_models_order(int batch)
    {
        for (int seed = batch * 20; seed < (batch + 1) * 20; seed++)
            Run(seed);
    }

    [Fact]
    public void Owners_that_wait_for_each_other_are_refused_over_any_number_of_files()
    {
        var table = new LockTable(new LockRecords(null));
        for (ulong owner = 1; owner <= 5; owner++)
            Assert.Equal(LockOutcome.Granted, Set(table, FidOf((uint)owner), Range(owner, 0, 0), LockWait.Never));
        for (ulong owner = 1; owner < 5; owner++)
            Assert.Equal(LockOutcome.Waits, Set(table, FidOf((uint)owner + 1), Range(owner, 0, 0), LockWait.UntilFree));
        Assert.Equal(LockOutcome.Deadlock, Set(table, FidOf(1), Range(5, 0, 0), LockWait.UntilFree));
        Assert.Equal(LockOutcome.Waits, Set(table, FidOf(1), Range(6, 0, 0), LockWait.UntilFree));
        // flock isn't looked at, and nor is who waits for a moment only.
        Assert.Equal(LockOutcome.Conflicts, Set(table, FidOf(1), Range(5, 0, 0), LockWait.Never));
        Assert.Equal(LockOutcome.Waits, Set(table, FidOf(1), Range(5, 0, 0), LockWait.Briefly));
    }

    [Fact]
    public void Who_waits_is_granted_in_the_order_of_coming_and_who_withdrew_never()
    {
        var table = new LockTable(new LockRecords(null));
        Set(table, First, Range(1, 0, 9), LockWait.Never);
        LockWaiter[] waiters = [.. Enumerable.Range(2, 3).Select(owner => Wait(table, Range((ulong)owner, 0, 9)))];
        Assert.True(table.Withdraw(waiters[0]));
        Set(table, First, Range(1, 0, 9, FileLockKind.Unlock), LockWait.Never);
        Assert.Equal([false, true, false], waiters.Select(waiter => waiter.Decided.IsCompleted));
        Assert.False(table.Withdraw(waiters[1]));
        table.Flushed(First, new FileHandle(0), owner: 3);
        Assert.True(waiters[2].Decided.IsCompleted);
    }

    [Fact]
    public void A_close_takes_an_owners_record_locks_and_the_end_of_an_open_file_takes_its_own_alone()
    {
        var table = new LockTable(new LockRecords(null));
        var (one, two) = (new FileHandle(1), new FileHandle(2));
        table.Set(First, one, Range(7, 0, 4), isSilent: true, LockWait.Never, out _);
        table.Set(First, two, Range(7, 5, 9), isSilent: false, LockWait.Never, out _);
        table.Set(First, two, Range(8, 20, 29), isSilent: false, LockWait.Never, out _);
        table.Set(First, two, Flock(8), isSilent: false, LockWait.Never, out _);
        table.Released(First, one);
        Assert.Equal([(5ul, 9ul), (20ul, 29ul), (0ul, ulong.MaxValue >> 1)], table.HeldOf(First).Select(held => (held.Start, held.End)));
        table.Flushed(First, two, owner: 7);
        Assert.Equal([8ul, 8ul], table.HeldOf(First).Select(held => held.Owner));
        Assert.Equal(LockOutcome.ConflictsWithWhatMayEnd, Set(table, First, Flock(9), LockWait.Never));
        table.Released(First, two);
        Assert.Empty(table.HeldOf(First));
        Assert.True(table.WasLocked(First));
    }

    [Fact]
    public void A_flock_that_can_not_change_its_kind_is_lost_as_on_a_local_disk()
    {
        var table = new LockTable(new LockRecords(null));
        Set(table, First, Flock(1, FileLockKind.Read), LockWait.Never);
        Set(table, First, Flock(2, FileLockKind.Read), LockWait.Never);
        Assert.Equal(LockOutcome.Conflicts, Set(table, First, Flock(1), LockWait.Never));
        Assert.Equal(LockOutcome.Granted, Set(table, First, Flock(2), LockWait.Never));
    }

    [Fact]
    public void Ranges_and_waiters_have_bounds_and_unlocking_always_works()
    {
        var table = new LockTable(new LockRecords(null));
        ulong next = 0;
        while (Set(table, First, Range(1, next, next), LockWait.Never) == LockOutcome.Granted)
            next += 2;
        Assert.InRange(next / 2, (ulong)LockTable.MostRangesOfFile - 2, (ulong)LockTable.MostRangesOfFile);
        Assert.Equal(LockOutcome.Granted, Set(table, First, Range(1, 0, ulong.MaxValue >> 1, FileLockKind.Unlock), LockWait.Never));
        Assert.Equal((0, 0), table.Counts);

        Set(table, First, Flock(1), LockWait.Never);
        for (int i = 0; i < LockTable.MostWaiters; i++)
            Assert.Equal(LockOutcome.Waits, Set(table, First, Flock((ulong)i + 2), LockWait.UntilFree));
        Assert.Equal(LockOutcome.TooMany, Set(table, First, Flock(1 << 20), LockWait.UntilFree));
    }

    [Fact]
    public void A_crash_between_two_records_loses_nothing_that_is_held()
    {
        var random = new Random(1);
        var array = new WatchedRecords();
        var table = new LockTable(new LockRecords(array));
        Set(table, First, Range(2, 3, 7, FileLockKind.Read), LockWait.Never);
        for (int step = 0; step < 2000; step++)
        {
            ulong start = (ulong)random.Next(Bytes), end = (ulong)random.Next((int)start, Bytes);
            FileLock wanted = Range(1, start, end, random.Next(2) == 0 ? FileLockKind.Read : FileLockKind.Unlock);
            string[] stays = [.. Show(table, First).Where(line => line.Contains(" 2 ", StringComparison.Ordinal) || !IsIn(line, wanted) || wanted.Kind == FileLockKind.Read)];
            array.IsWatched = true;
            table.Set(First, new FileHandle((ulong)random.Next(Handles)), wanted, isSilent: false, LockWait.Never, out _);
            array.IsWatched = false;
            foreach (WatchedRecords state in array.States)
            {
                var successor = new LockTable(new LockRecords(state));
                successor.TakeOver();
                Assert.Empty(stays.Except(Show(successor, First)));
            }
            array.States.Clear();
        }

        static bool IsIn(string line, FileLock range) => ulong.Parse(line.Split(' ')[0]) is var at && range.Start <= at && at <= range.End;
    }

    private static void Run(int seed)
    {
        var random = new Random(seed);
        var array = new WatchedRecords();
        var table = new LockTable(new LockRecords(array));
        var model = new Model();
        for (int step = 0; step < 150; step++)
        {
            Fid fid = FidOf((uint)random.Next(1, Files + 1));
            ulong owner = (ulong)random.Next(1, Owners + 1);
            var handle = new FileHandle((ulong)random.Next(Handles));
            bool isFlock = random.Next(4) == 0;
            string text = $"seed {seed} step {step}";
            switch (random.Next(10))
            {
                case 0:
                    table.Flushed(fid, handle, owner);
                    model.Flush(fid, owner);
                    break;
                case 1:
                    table.Released(fid, handle);
                    model.Release(fid, handle);
                    break;
                case 2 when model.Waiting.Count > 0:
                    (LockWaiter withdrawn, _) = model.Waiting[random.Next(model.Waiting.Count)];
                    Assert.True(table.Withdraw(withdrawn), text);
                    model.Waiting.RemoveAll(waiting => waiting.Waiter == withdrawn);
                    break;
                default:
                    ulong start = (ulong)random.Next(Bytes), end = (ulong)random.Next((int)start, Bytes);
                    var kind = (FileLockKind)random.Next(3);
                    FileLock wanted = isFlock ? Flock(owner, kind) : Range(owner, start, end, kind);
                    LockWait wait = random.Next(2) == 0 ? LockWait.Briefly : LockWait.Never;
                    LockOutcome outcome = table.Set(fid, handle, wanted, isSilent: false, wait, out LockWaiter? waiter);
                    bool isFree = model.Ask(fid, handle, wanted);
                    Assert.True(isFree == (outcome == LockOutcome.Granted), $"{text}: {outcome}");
                    Assert.Equal(!isFree && wait == LockWait.Briefly, outcome == LockOutcome.Waits);
                    if (waiter is not null)
                        model.Waiting.Add((waiter, wanted));
                    break;
            }
            model.GrantWaiting();
            Assert.All(model.Waiting, waiting => Assert.False(waiting.Waiter.Decided.IsCompleted, text));
            Assert.All(model.Granted, waiter => Assert.True(waiter.Decided.IsCompleted, text));
            Assert.Equal(model.Waiting.Count, table.Counts.Waiters);
            var successor = new LockTable(new LockRecords(array.Copy()));
            successor.TakeOver();
            for (uint file = 1; file <= Files; file++)
            {
                Assert.Equal(model.Show(FidOf(file)), Show(table, FidOf(file)));
                Assert.Equal(model.Show(FidOf(file)), Show(successor, FidOf(file)).Distinct());
            }
        }
    }

    private static string[] Show(LockTable table, Fid fid) =>
    [
        .. table.HeldOf(fid).SelectMany(held => held.IsFlock
            ? [$"flock {held.Owner} {held.Kind}"]
            : Enumerable.Range((int)held.Start, (int)(held.End - held.Start) + 1).Select(at => $"{at} {held.Owner} {held.Kind}")).Order(),
    ];

    private static LockOutcome Set(LockTable table, Fid fid, FileLock wanted, LockWait wait) => table.Set(fid, new FileHandle(1), wanted, isSilent: false, wait, out _);

    private static LockWaiter Wait(LockTable table, FileLock wanted)
    {
        Assert.Equal(LockOutcome.Waits, table.Set(First, new FileHandle(1), wanted, isSilent: false, LockWait.UntilFree, out LockWaiter? waiter));
        return waiter!;
    }

    private static Fid FidOf(uint vnode) => new(new VolumeId(1), new VnodeNumber(vnode), new Uniquifier(1));

    private static FileLock Range(ulong owner, ulong start, ulong end, FileLockKind kind = FileLockKind.Write) => new(owner, start, end, kind, 1, IsFlock: false);

    private static FileLock Flock(ulong owner, FileLockKind kind = FileLockKind.Write) => new(owner, 0, ulong.MaxValue >> 1, kind, 1, IsFlock: true);

    /// <summary>Of each byte, and of the whole for flock (byte -1): who holds it, and how.</summary>
    private sealed class Model
    {
        private readonly Dictionary<(Fid Fid, int Byte, ulong Owner), (FileLockKind Kind, FileHandle Handle)> _held = [];

        public List<(LockWaiter Waiter, FileLock Lock)> Waiting { get; } = [];

        public List<LockWaiter> Granted { get; } = [];

        public bool Ask(Fid fid, FileHandle handle, FileLock wanted)
        {
            if (wanted.IsFlock && _held.TryGetValue((fid, -1, wanted.Owner), out var own) && own.Kind == wanted.Kind)
                return true;
            if (wanted.Kind == FileLockKind.Unlock || wanted.IsFlock)
            {
                foreach (int at in BytesOf(wanted))
                    _held.Remove((fid, at, wanted.Owner));
            }
            if (wanted.Kind == FileLockKind.Unlock)
                return true;
            if (wanted.IsFlock && !IsFree(fid, wanted))
                GrantWaiting(fid);
            if (!IsFree(fid, wanted))
                return false;
            Hold(fid, handle, wanted);
            return true;
        }

        public void Flush(Fid fid, ulong owner) => Remove(key => key.Fid == fid && key.Owner == owner && key.Byte >= 0);

        public void Release(Fid fid, FileHandle handle)
        {
            foreach (var key in _held.Where(pair => pair.Key.Fid == fid && pair.Value.Handle == handle).Select(pair => pair.Key).ToArray())
                _held.Remove(key);
        }

        public void GrantWaiting()
        {
            for (uint file = 1; file <= Files; file++)
                GrantWaiting(FidOf(file));
        }

        public string[] Show(Fid fid) =>
        [
            .. _held.Where(pair => pair.Key.Fid == fid)
                .Select(pair => pair.Key.Byte < 0 ? $"flock {pair.Key.Owner} {pair.Value.Kind}" : $"{pair.Key.Byte} {pair.Key.Owner} {pair.Value.Kind}").Order(),
        ];

        private void GrantWaiting(Fid fid)
        {
            while (Waiting.FindIndex(waiting => waiting.Waiter.Fid == fid && IsFree(fid, waiting.Lock)) is >= 0 and var index)
            {
                (LockWaiter waiter, FileLock wanted) = Waiting[index];
                Hold(fid, waiter.Handle, wanted);
                Waiting.RemoveAt(index);
                Granted.Add(waiter);
            }
        }

        private bool IsFree(Fid fid, FileLock wanted) => !_held.Any(pair =>
            pair.Key.Fid == fid && pair.Key.Owner != wanted.Owner && BytesOf(wanted).Contains(pair.Key.Byte)
            && (pair.Value.Kind == FileLockKind.Write || wanted.Kind == FileLockKind.Write));

        private void Hold(Fid fid, FileHandle handle, FileLock wanted)
        {
            foreach (int at in BytesOf(wanted))
                _held[(fid, at, wanted.Owner)] = (wanted.Kind, handle);
        }

        private void Remove(Predicate<(Fid Fid, int Byte, ulong Owner)> isOver)
        {
            foreach (var key in _held.Keys.Where(key => isOver(key)).ToArray())
                _held.Remove(key);
        }

        private static IEnumerable<int> BytesOf(FileLock range) =>
            range.IsFlock ? [-1] : Enumerable.Range((int)range.Start, (int)(range.End - range.Start) + 1);
    }

    /// <summary>Records of which each state is kept: what a successor finds if the daemon dies there.</summary>
    private sealed class WatchedRecords : IRecordArray
    {
        private readonly List<byte[]> _records = [];

        public List<WatchedRecords> States { get; } = [];

        public int Count => _records.Count;

        public bool IsWatched { get; set; }

        public Span<byte> At(int index)
        {
            if (IsWatched)
                States.Add(Copy());
            while (_records.Count <= index)
                _records.Add(GC.AllocateArray<byte>(LockRecord.SizeBytes, pinned: true));
            return _records[index];
        }

        public WatchedRecords Copy()
        {
            var copy = new WatchedRecords();
            foreach (byte[] record in _records)
            {
                copy._records.Add(GC.AllocateArray<byte>(LockRecord.SizeBytes, pinned: true));
                record.CopyTo(copy._records[^1], 0);
            }
            return copy;
        }
    }
}
