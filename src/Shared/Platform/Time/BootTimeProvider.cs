using System.Runtime.InteropServices;

namespace Afs.Platform;

/// <summary>
/// The machine's clocks. Timestamps are CLOCK_BOOTTIME, in nanoseconds: they go on while the machine is suspended, so that a
/// lease ends in a sleep (clock_gettime(2)).
/// </summary>
public sealed partial class BootTimeProvider : TimeProvider
{
    private const int ClockBootTime = 7;

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp()
    {
        if (ClockGetTime(ClockBootTime, out TimeSpec now) != 0)
            throw new InvalidOperationException("clock_gettime(CLOCK_BOOTTIME) failed.");
        return now.Seconds * 1_000_000_000 + now.Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out TimeSpec time);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
