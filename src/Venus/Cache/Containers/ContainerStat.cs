using System.Runtime.InteropServices;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

/// <summary>What the disk says of a container file.</summary>
internal readonly record struct ContainerStat(long LengthBytes, long AllocatedBytes, Timestamp ModifyTime, Timestamp ChangeTime)
{
    /// <summary>
    /// Whatever touches the content after this look gives the file another ctime. False: one in the same tick of the disk's clock may leave it as it is
    /// (<see cref="DiskTimes"/>).
    /// </summary>
    public bool IsDecisive { get; init; }

    /// <summary>How often the disk's clock had gone back: then times that were come again.</summary>
    public int ClockLife { get; init; }

    /// <summary>
    /// Was the content touched between the two? True is certain. Every write, truncation and first store into a mapped page sets ctime (stat(2), and
    /// file_update_time in the kernel); only a use of a page that is mapped and dirty already does not, see <see cref="IContainerFiles.ProtectMapped"/>.
    /// </summary>
    public bool Differs(ContainerStat other) => ChangeTime != other.ChangeTime || LengthBytes != other.LengthBytes;
}

/// <summary>Is a container's content that of its base version?</summary>
internal enum Sameness : byte
{
    Same,
    Changed,

    /// <summary>The times can't say: only the content can.</summary>
    Undecided,
}

/// <summary>
/// Since when, and by what, it is known that a container's content is that of its base version. A look at the file is held against it:
///
/// | baseline | the look shows another ctime or length | it shows the same |
/// |---|---|---|
/// | Arriving: the content is on its way, and nobody may write | Same | Same |
/// | Truncated: empty where the base version isn't | Changed | Changed |
/// | Unlike: the content was compared, and differs | Changed | Changed |
/// | At a decisive look | Changed | Same |
/// | At one that wasn't decisive (git calls that racily clean), or the clock went back since | Changed | Undecided |
/// </summary>
internal readonly record struct Baseline
{
    private enum Kind : byte
    {
        Arriving,
        Truncated,
        Unlike,
        At,
    }

    private readonly Kind _kind;

    private Baseline(Kind kind, ContainerStat stat) => (_kind, Stat) = (kind, stat);

    public static Baseline Arriving => default;

    public static Baseline Truncated => new(Kind.Truncated, default);

    public static Baseline Unlike => new(Kind.Unlike, default);

    /// <summary>The file as it was then; of zeros where there is no such time. On disk too.</summary>
    public ContainerStat Stat { get; }

    /// <summary>Of the base version's content, as far as this client has had it.</summary>
    public long LengthBytes => Stat.LengthBytes;

    public long AllocatedBytes => Stat.AllocatedBytes;

    /// <summary>It is known how the file was when its content was that of the base version.</summary>
    public bool IsKnown => _kind == Kind.At;

    public static Baseline At(ContainerStat stat) => new(Kind.At, stat);

    /// <summary>From a row of the index, in which a ctime of zero stands for content that differs.</summary>
    public static Baseline FromRow(ContainerStat stat) => stat.ChangeTime == default ? Unlike : At(stat);

    public Sameness Compare(ContainerStat look) => _kind switch
    {
        Kind.Arriving => Sameness.Same,
        Kind.Truncated or Kind.Unlike => Sameness.Changed,
        _ when look.Differs(Stat) => Sameness.Changed,
        _ => Stat.IsDecisive && Stat.ClockLife == look.ClockLife ? Sameness.Same : Sameness.Undecided,
    };
}

/// <summary>The system calls on container files that the framework lacks: times in nanoseconds, allocated size.</summary>
internal static partial class FileStatus
{
    private const int ATEmptyPath = 0x1000;
    private const uint StatxBasicStats = 0x7ff;
    private const long UtimeOmit = (1L << 30) - 2;

    public static unsafe ContainerStat Get(SafeFileHandle file)
    {
        Statx status = default;
        byte empty = 0;
        if (StatxCall((int)file.DangerousGetHandle(), &empty, ATEmptyPath, StatxBasicStats, &status) != 0)
            throw Failed("statx");
        return new ContainerStat((long)status.Size, (long)status.Blocks * 512, status.Modify.ToTimestamp(), status.Change.ToTimestamp());
    }

    public static unsafe void SetModifyTime(SafeFileHandle file, Timestamp time)
    {
        TimeSpec* times = stackalloc TimeSpec[2];
        times[0] = new TimeSpec { Nanoseconds = UtimeOmit };
        times[1] = new TimeSpec { Seconds = time.Seconds, Nanoseconds = time.Nanoseconds };
        if (FutimensCall((int)file.DangerousGetHandle(), times) != 0)
            throw Failed("futimens");
    }

    private static DiskException Failed(string call) => new(DiskFailure.Failed, $"{call}: errno {Marshal.GetLastPInvokeError()}");

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static unsafe partial int StatxCall(int directory, byte* path, int flags, uint mask, Statx* status);

    [LibraryImport("libc", EntryPoint = "futimens", SetLastError = true)]
    private static unsafe partial int FutimensCall(int file, TimeSpec* times);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>struct statx_timestamp of linux/stat.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct StatxTime
    {
        public long Seconds;
        public uint Nanoseconds;
        public int Reserved;

        public readonly Timestamp ToTimestamp() => new(Seconds, Nanoseconds);
    }

    /// <summary>struct statx of linux/stat.h: the same on every architecture.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Statx
    {
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(48)] public ulong Blocks;
        [FieldOffset(96)] public StatxTime Change;
        [FieldOffset(112)] public StatxTime Modify;
    }
}

/// <summary>
/// What ctime is worth on the disk of a cache, found out at the start.
///
/// From Linux 6.13 on ext4, xfs, btrfs and tmpfs give a file that somebody looked at another ctime with its next change (multigrain timestamps,
/// Documentation/filesystems/multigrain-ts.rst): every look is decisive. Elsewhere ctime moves in ticks: of the kernel's timer, of a second where inodes
/// have no room for more (ext2, ext4 with inodes of 128 bytes), of two on FAT. Then a look is decisive where the file's ctime lies in an earlier tick than
/// the look: any later change gets a later one. Where ctime comes from a clock that isn't this machine's none ever is.
/// </summary>
internal sealed partial class DiskTimes
{
    /// <summary>As many changes, each looked at, would have to fall into as many ticks.</summary>
    private const int Tries = 64;

    private const string ProbeName = "times-probe";
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Longer than the timer's tick at its slowest, 10 ms.</summary>
    private const long TimerTickNs = 20_000_000;

    /// <summary>Longer than FAT's, 2 s.</summary>
    private const long LongTickNs = 3 * NanosecondsPerSecond;

    private const int ClockRealTimeCoarse = 5;

    private const long LeastFreeBytes = 64 << 20;

    private readonly Lock _lock = new();
    private readonly long _tickNs;

    private long _latestNs;
    private int _clockLife;

    private DiskTimes(bool isExact, long tickNs, bool showsMapped) => (IsExact, _tickNs, ShowsMapped) = (isExact, tickNs, showsMapped);

    /// <summary>Each change after a look shows in ctime.</summary>
    public bool IsExact { get; }

    /// <summary>A store into a mapped page that was handed to the disk before shows in ctime. On tmpfs, which hands pages to no disk, none does.</summary>
    public bool ShowsMapped { get; }

    /// <summary>How the log tells it.</summary>
    public override string ToString() => IsExact ? "exact" : _tickNs == long.MaxValue ? "of another clock" : $"in ticks of up to {_tickNs / 1_000_000} ms";

    /// <summary>
    /// Makes a file of its own, and deletes it. Takes less than a millisecond, and waits for no disk. A disk that is so full that it can't be tried is taken
    /// for one of long ticks, which is right on each.
    /// </summary>
    /// <exception cref="DiskException">The disk can't be used.</exception>
    public static DiskTimes Probe(IDisk disk)
    {
        try
        {
            disk.Delete(ProbeName);
            using IDiskFile file = disk.Open(ProbeName, DiskOpenMode.CreateNew);
            // A store into a mapped page for which there is no room ends the process.
            return Try(file, mayMap: disk.GetSpace().FreeBytes >= LeastFreeBytes);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.NoSpace)
        {
            return new DiskTimes(isExact: false, LongTickNs, showsMapped: false);
        }
        finally
        {
            disk.Delete(ProbeName);
        }
    }

    /// <summary>What the file says of itself at this moment.</summary>
    public ContainerStat Look(IDiskFile file)
    {
        using BorrowedHandle borrowed = BorrowedHandle.Of(file);
        if (IsExact)
            return FileStatus.Get(borrowed.File) with { IsDecisive = true };
        // The clock first: what comes after the look is later than that.
        (long now, int life) = ReadClock();
        ContainerStat stat = FileStatus.Get(borrowed.File);
        return stat with { IsDecisive = _tickNs != long.MaxValue && ToNs(stat.ChangeTime) < now - _tickNs, ClockLife = life };
    }

    private static DiskTimes Try(IDiskFile file, bool mayMap)
    {
        long before = Now();
        bool isExact = true, isWholeSeconds = true;
        ContainerStat stat = FileStatus.Get(file.Handle!);
        for (int i = 0; i < Tries; i++)
        {
            file.Write(0, [(byte)i]);
            ContainerStat next = FileStatus.Get(file.Handle!);
            isExact &= next.ChangeTime != stat.ChangeTime;
            isWholeSeconds &= next.ChangeTime.Nanoseconds == 0;
            stat = next;
        }
        long tickNs = isExact ? 0 : isWholeSeconds ? LongTickNs : TimerTickNs, changed = ToNs(stat.ChangeTime);
        bool isThisClock = changed >= before - LongTickNs && changed <= Now() + TimerTickNs;
        return new DiskTimes(isExact, isThisClock ? tickNs : long.MaxValue, mayMap && ShowsMappedStores(file));
    }

    /// <summary>A step back that is shorter than a third of the tick makes no decisive time come again: the tick is assumed longer than it is.</summary>
    private (long NowNs, int Life) ReadClock()
    {
        lock (_lock)
        {
            long now = Now();
            if (now < _latestNs - _tickNs / 3)
                (_clockLife, _latestNs) = (_clockLife + 1, now);
            _latestNs = Math.Max(_latestNs, now);
            return (now, _clockLife);
        }
    }

    private static long ToNs(Timestamp time) => time.Seconds * NanosecondsPerSecond + time.Nanoseconds;

    /// <summary>The clock that the kernel stamps files by (current_time in fs/inode.c).</summary>
    private static long Now()
    {
        if (ClockGetTime(ClockRealTimeCoarse, out TimeSpec now) != 0)
            throw new DiskException(DiskFailure.Failed, $"clock_gettime: errno {Marshal.GetLastSystemError()}");
        return now.Seconds * NanosecondsPerSecond + now.Nanoseconds;
    }

    /// <summary>Tries what a mapping's stores do to the times of a file. A disk of which nothing can be mapped shows none.</summary>
    private static unsafe bool ShowsMappedStores(IDiskFile file)
    {
        const int Length = 4096, ProtectReadWrite = 3, MapShared = 1;
        byte* page = MemoryMap(null, Length, ProtectReadWrite, MapShared, (int)file.Handle!.DangerousGetHandle(), 0);
        if ((nint)page == -1)
            return false;
        try
        {
            page[0] = 1;
            file.BeginWriteback(0, Length);
            var past = new Timestamp(1, 0);
            FileStatus.SetModifyTime(file.Handle!, past);
            page[0] = 2;
            return FileStatus.Get(file.Handle!).ModifyTime != past;
        }
        finally
        {
            _ = MemoryUnmap(page, Length);
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out TimeSpec time);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static unsafe partial byte* MemoryMap(byte* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static unsafe partial int MemoryUnmap(byte* address, nuint length);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
