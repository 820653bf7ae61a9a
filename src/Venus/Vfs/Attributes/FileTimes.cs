using Afs.Fuse;
using Afs.Wire;

namespace Afs.Venus.Vfs;

/// <summary>Between the wire's times and the kernel's.</summary>
internal static class FileTimes
{
    public const uint NanosecondsPerSecond = 1_000_000_000;

    public static FuseTime ToFuse(this Timestamp time) => new(time.Seconds, time.Nanoseconds);

    public static Timestamp ToTimestamp(this FuseTime time) => new(time.Seconds, Math.Min(time.Nanoseconds, NanosecondsPerSecond - 1));

    public static Timestamp Later(Timestamp one, Timestamp other) => one.CompareTo(other) >= 0 ? one : other;
}
