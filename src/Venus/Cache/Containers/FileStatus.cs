using System.Runtime.InteropServices;
using Afs.Platform;
using Afs.Wire;
using Microsoft.Win32.SafeHandles;

namespace Afs.Venus.Cache;

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

    private static DiskException Failed(string call) => new(DiskFailure.Failed, $"{call}: errno {Marshal.GetLastSystemError()}");

    [LibraryImport("libc", EntryPoint = "statx")]
    private static unsafe partial int StatxCall(int directory, byte* path, int flags, uint mask, Statx* status);

    [LibraryImport("libc", EntryPoint = "futimens")]
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
