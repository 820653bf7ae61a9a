using System.Globalization;

namespace Afs.Fuse.Session;

/// <summary>
/// Tells a caller that is being killed from one that got a signal which it handles. The kernel sends INTERRUPT for both
/// (fs/fuse/dev.c, request_wait_answer), but the system calls of a local disk end early for the first alone.
/// </summary>
internal static class CallerSignals
{
    private const string PendingOfThread = "SigPnd:";
    private const string PendingOfProcess = "ShdPnd:";
    private const string Ignored = "SigIgn:";
    private const string Caught = "SigCgt:";

    /// <summary>SIGKILL. What kills by default becomes one for every thread (kernel/signal.c, complete_signal).</summary>
    private const ulong Kill = 1ul << 8;

    /// <summary>Those that dump core by default and stay as they are: QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS.</summary>
    private const ulong DumpCore = 1ul << 2 | 1ul << 3 | 1ul << 4 | 1ul << 5 | 1ul << 6 | 1ul << 7 | 1ul << 10 | 1ul << 23 | 1ul << 24 | 1ul << 30;

    /// <summary>True as well for one that is gone, or lives in another pid namespace (zero): nothing is known of its signals.</summary>
    /// <param name="thread">The caller's thread id.</param>
    public static bool IsDying(uint thread)
    {
        if (thread == 0)
        {
            return true;
        }

        try
        {
            return IsDying(File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/status")));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    /// <param name="status">The lines of proc_pid_status(5).</param>
    public static bool IsDying(IEnumerable<string> status)
    {
        ulong pending = 0, handled = 0;
        foreach (string line in status)
        {
            pending |= MaskOf(line, PendingOfThread) | MaskOf(line, PendingOfProcess);
            handled |= MaskOf(line, Ignored) | MaskOf(line, Caught);
        }

        return (pending & (Kill | (DumpCore & ~handled))) != 0;
    }

    private static ulong MaskOf(string line, string name) =>
        line.StartsWith(name, StringComparison.Ordinal)
        && ulong.TryParse(line.AsSpan(name.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong mask)
            ? mask
            : 0;
}
