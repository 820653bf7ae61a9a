using System.Globalization;
using Afs.Fuse.Abi;

namespace Afs.Fuse.Session;

/// <summary>
/// The requests that have no reply yet, so that an INTERRUPT finds its target. Bounded: each is in work on a reader thread, waits in a task, or waits to be
/// begun (<see cref="ReaderTeam"/>), and each of these has its own bound.
/// </summary>
internal sealed class InFlightTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, RequestSlot> _slots = [];
    private readonly HashSet<ulong> _interrupted = [];

    public void Register(RequestSlot slot)
    {
        lock (_lock)
        {
            _slots[slot.Header.Id.Value] = slot;
        }
    }

    /// <summary>False: the request was answered already, or its INTERRUPT was faster on another reader thread.</summary>
    /// <param name="id">The request.</param>
    /// <param name="header">What it asks for, and who.</param>
    /// <param name="earlier">How many INTERRUPTs looked for it before.</param>
    public bool TryFind(RequestId id, out FuseInHeader header, out int earlier)
    {
        lock (_lock)
        {
            bool isThere = _slots.TryGetValue(id.Value, out RequestSlot? slot);
            header = isThere ? slot!.Header : default;
            earlier = isThere ? slot!.Interrupts++ : 0;
            return isThere;
        }
    }

    /// <summary>The request is about to be answered. From here on no INTERRUPT reaches it.</summary>
    public void Unregister(RequestSlot slot)
    {
        ulong id = slot.Header.Id.Value;
        lock (_lock)
        {
            _slots.Remove(id);
            bool wasInterrupted = _interrupted.Count > 0 && _interrupted.Remove(id);
            slot.RenewToken(wasInterrupted);
        }
    }

    /// <summary>The ids of the RELEASEs that aren't done yet.</summary>
    public List<ulong> Releases()
    {
        lock (_lock)
        {
            var releases = new List<ulong>();
            foreach ((ulong id, RequestSlot slot) in _slots)
            {
                if (slot.Operation.IsRelease)
                {
                    releases.Add(id);
                }
            }

            return releases;
        }
    }

    /// <summary>One of these requests isn't done yet.</summary>
    public bool HasAny(List<ulong> ids)
    {
        lock (_lock)
        {
            return ids.Exists(_slots.ContainsKey);
        }
    }

    /// <summary>Sets the token of a request. Its callbacks run on the thread pool, not on this thread.</summary>
    public void Interrupt(RequestId target)
    {
        CancellationTokenSource source;
        lock (_lock)
        {
            if (!_slots.TryGetValue(target.Value, out RequestSlot? slot) || !_interrupted.Add(target.Value))
            {
                return;
            }

            source = slot.InterruptSource;
        }

        source.CancelAsync();
    }

    /// <summary>Interrupts every request: at the end, when no reply can be delivered any more.</summary>
    public void InterruptAll()
    {
        ulong[] ids;
        lock (_lock)
        {
            ids = [.. _slots.Keys];
        }

        foreach (ulong id in ids)
        {
            Interrupt(new RequestId(id));
        }
    }
}

/// <summary>
/// INTERRUPT. The kernel sends one when a caller that waits gets a signal of any kind, and sends it again for as long as it is answered with EAGAIN. If the signal kills the
/// caller, its request is interrupted. If the caller handles the signal, it waits on, as it would for a local disk. Only a wait for a lock is ended by any signal.
/// </summary>
internal sealed class Interruptions(InFlightTable table, ReaderTeam team, Responder responder, SlotPool pool)
{
    /// <summary>
    /// This process can't see the signals of a caller in another pid namespace, so it can't know whether that caller is dying. Such a caller waits on for this many INTERRUPTs,
    /// which is about 10 seconds: longer than a request takes when all goes well. Then its request is interrupted; else it could never be killed while a server is away.
    /// </summary>
    private const int PatienceWithStrangers = 100;

    public void Handle(RequestId interrupt, RequestId target)
    {
        if (!table.TryFind(target, out FuseInHeader header, out int earlier) || !IsToEnd(header, earlier))
        {
            // The request isn't registered yet, or is answered, or its caller lives and may be killed later. Only an INTERRUPT that is asked for again tells of that.
            responder.AskAgain(interrupt);
            return;
        }

        table.Interrupt(target);
        if (team.TryTakeBack(target) is { } waiting)
        {
            responder.Refuse(waiting, Errno.EINTR);
            pool.Return(waiting);
        }
    }

    private static bool IsToEnd(in FuseInHeader header, int earlier) => header.Opcode == FuseOpcode.SetLkW || CallerSignals.Ask(header.Pid) switch
    {
        CallerState.Dying => true,
        CallerState.Unknown => earlier >= PatienceWithStrangers,
        _ => false,
    };
}

/// <summary>What is known of a caller that got a signal.</summary>
internal enum CallerState
{
    /// <summary>Its signals can't be seen.</summary>
    Unknown,

    /// <summary>It has no signal that will end it.</summary>
    Living,

    /// <summary>It is being killed, or gone.</summary>
    Dying,
}

/// <summary>
/// Finds out whether a caller is being killed, or got a signal that it handles. The kernel sends INTERRUPT for both
/// (fs/fuse/dev.c, request_wait_answer); on a local disk only the first ends a system call early.
/// </summary>
internal static class CallerSignals
{
    private const string PendingOfThread = "SigPnd:";
    private const string PendingOfProcess = "ShdPnd:";
    private const string Ignored = "SigIgn:";
    private const string Caught = "SigCgt:";

    /// <summary>SIGKILL. The kernel turns any signal that kills by default into a SIGKILL of every thread (kernel/signal.c, complete_signal).</summary>
    private const ulong Kill = 1ul << 8;

    /// <summary>Signals that dump core by default, which the kernel does not turn into a SIGKILL: QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS.</summary>
    private const ulong DumpCore = 1ul << 2 | 1ul << 3 | 1ul << 4 | 1ul << 5 | 1ul << 6 | 1ul << 7 | 1ul << 10 | 1ul << 23 | 1ul << 24 | 1ul << 30;

    /// <summary>True: /proc shows this process's own pid namespace, so a thread id that the kernel tells means the same thread there.</summary>
    private static readonly bool IsProcOurs = File.ResolveLinkTarget("/proc/self", returnFinalTarget: false)?.Name == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);

    /// <param name="thread">The caller's thread id; zero: it lives in a pid namespace that this process doesn't see.</param>
    public static CallerState Ask(uint thread)
    {
        if (thread == 0 || !IsProcOurs)
        {
            return CallerState.Unknown;
        }

        try
        {
            return IsDying(File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/status"))) ? CallerState.Dying : CallerState.Living;
        }
        catch (UnauthorizedAccessException)
        {
            return CallerState.Unknown;
        }
        catch (IOException)
        {
            return CallerState.Dying; // It is gone.
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
