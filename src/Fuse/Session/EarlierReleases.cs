using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Afs.Fuse.Interop;

namespace Afs.Fuse.Session;

/// <summary>
/// Knows when every RELEASE is done that the kernel handed out before a request. The kernel sends a RELEASE before the last close() returns, and waits for no answer. It hands requests out in the order
/// in which they came (fs/fuse/dev.c, fuse_dev_do_read). But the thread that got one may not have a processor yet, when another thread already works on what came later.
///
/// Such a thread is found by what it does: it hasn't come back from its read, and doesn't sleep in it. So whoever sleeps in its read has nothing, and whoever came back has its RELEASE in the
/// <see cref="InFlightTable"/>. Nothing of this costs a request more than two writes to memory.
/// </summary>
/// <param name="device">The descriptor that the threads read.</param>
/// <param name="table">Where a RELEASE is found once its thread has it.</param>
/// <param name="mostWait">A RELEASE needs a processor and little else. Who waits for longer goes on as if there were none.</param>
internal sealed class EarlierReleases(int device, InFlightTable table, TimeSpan mostWait)
{
    public static readonly TimeSpan MostWait = TimeSpan.FromSeconds(2);

    /// <summary>The same, where this process can't look at its threads.</summary>
    private static readonly TimeSpan MostBlindWait = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    private readonly Lock _lock = new();
    private readonly List<ReaderMark> _readers = [];

    /// <summary>To be called on the thread itself, which marks each of its reads from here on.</summary>
    public ReaderMark Join()
    {
        var mark = new ReaderMark(NativeMethods.ThreadId());
        lock (_lock)
        {
            _readers.Add(mark);
        }

        return mark;
    }

    public void Leave(ReaderMark mark)
    {
        lock (_lock)
        {
            _readers.Remove(mark);
        }
    }

    /// <summary>Completes when each RELEASE that the kernel handed out before this call is done. Nearly always that is at once.</summary>
    public async ValueTask WaitAsync()
    {
        long start = Environment.TickCount64;
        bool isBlind = false;
        List<(ReaderMark Mark, uint Read)> reading = Reading();
        while (true)
        {
            reading.RemoveAll(reader => !reader.Mark.IsIn(reader.Read) || SleepsInRead(reader.Mark, ref isBlind));
            if (reading.Count == 0 || HasPassed(start, isBlind ? MostBlindWait : mostWait))
            {
                break;
            }

            await Task.Delay(Pause).ConfigureAwait(false);
        }

        List<ulong> releases = table.Releases();
        while (table.HasAny(releases) && !HasPassed(start, mostWait))
        {
            await Task.Delay(Pause).ConfigureAwait(false);
        }
    }

    private static bool HasPassed(long start, TimeSpan limit) => Environment.TickCount64 - start >= limit.TotalMilliseconds;

    private List<(ReaderMark Mark, uint Read)> Reading()
    {
        lock (_lock)
        {
            var reading = new List<(ReaderMark, uint)>(_readers.Count);
            foreach (ReaderMark mark in _readers)
            {
                if (mark.TryGetRead(out uint read))
                {
                    reading.Add((mark, read));
                }
            }

            return reading;
        }
    }

    /// <summary>It waits for a request: the kernel has handed it none. Asleep and in that call: a thread that is being given one, or was, is neither.</summary>
    private bool SleepsInRead(ReaderMark mark, ref bool isBlind)
    {
        Span<byte> text = stackalloc byte[ThreadFile.MostBytes];
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/self/task/{mark.Thread}/");
        if (!ThreadFile.TryRead(folder + "stat", text, out int stat))
        {
            isBlind = true;
            return false;
        }

        if (!ThreadFile.IsAsleep(text[..stat]))
        {
            return false;
        }

        if (!ThreadFile.TryRead(folder + "syscall", text, out int call))
        {
            isBlind = true;
            return false;
        }

        return ThreadFile.IsReadOf(text[..call], device);
    }
}

/// <summary>Says of one reader thread whether it is inside a read, and inside which. Written by that thread alone.</summary>
internal sealed class ReaderMark(int thread)
{
    /// <summary>Odd while it reads.</summary>
    private uint _steps;

    /// <summary>As gettid(2) says it.</summary>
    public int Thread => thread;

    public void BeginRead() => Volatile.Write(ref _steps, _steps + 1);

    /// <summary>What the read brought is in the <see cref="InFlightTable"/>, or done, or it brought nothing.</summary>
    public void EndRead() => Volatile.Write(ref _steps, _steps + 1);

    /// <summary>False: it is in no read.</summary>
    public bool TryGetRead(out uint read)
    {
        read = Volatile.Read(ref _steps);
        return (read & 1) != 0;
    }

    /// <summary>It is still in that read.</summary>
    public bool IsIn(uint read) => Volatile.Read(ref _steps) == read;
}

/// <summary>What the kernel says of one thread of this process (proc_pid_stat(5), proc_pid_syscall(5)).</summary>
internal static class ThreadFile
{
    public const int MostBytes = 1024;

    /// <summary>The number of read(2).</summary>
    private static readonly int ReadCall = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 0 : 63;

    /// <summary>False: there is no such file, or it may not be read.</summary>
    public static bool TryRead(string path, Span<byte> text, out int lengthBytes)
    {
        lengthBytes = 0;
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path);
            lengthBytes = RandomAccess.Read(file, text, 0);
            return lengthBytes > 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>A line of <c>stat</c>: the state stands behind the name, which may hold anything.</summary>
    public static bool IsAsleep(ReadOnlySpan<byte> stat)
    {
        int end = stat.LastIndexOf((byte)')');
        return end >= 0 && stat[end..].StartsWith(") S "u8);
    }

    /// <summary>A line of <c>syscall</c>: the call's number and its arguments, if the thread is blocked in one.</summary>
    public static bool IsReadOf(ReadOnlySpan<byte> syscall, int descriptor) =>
        syscall.StartsWith(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{ReadCall} 0x{descriptor:x} ")));
}
