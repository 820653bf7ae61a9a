using System.Runtime.InteropServices;

namespace Afs.Platform;

/// <summary>How many descriptors this process may have open: RLIMIT_NOFILE of getrlimit(2).</summary>
public static partial class OpenFileLimit
{
    /// <summary>
    /// What is kept for sockets, databases and the runtime, which can't go on without: files of users are refused before it is touched.
    /// </summary>
    public const int Reserve = 512;

    private const int NumberOfFiles = 7; // RLIMIT_NOFILE

    /// <summary>The kernel's own bound of what may be asked for, where fs.nr_open wasn't changed.</summary>
    private const ulong Wanted = 1 << 20;

    /// <summary>Raises the limit as far as this process may, to a million. The value is what it is then.</summary>
    public static int Raise()
    {
        if (Get(NumberOfFiles, out Limit limit) != 0)
            throw new InvalidOperationException("getrlimit(RLIMIT_NOFILE) fails.");
        ulong hard = Math.Max(limit.Hard, Wanted);
        var wanted = new Limit { Soft = Wanted, Hard = hard };
        if (Set(NumberOfFiles, in wanted) == 0)
            return (int)Wanted;
        wanted = limit with { Soft = Math.Min(limit.Hard, Wanted) };
        return (int)(Set(NumberOfFiles, in wanted) == 0 ? wanted.Soft : Math.Min(limit.Soft, Wanted));
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int Get(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int Set(int resource, in Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private record struct Limit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
