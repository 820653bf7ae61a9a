using Afs.Fuse.Abi;

namespace Afs.Fuse.Session;

/// <summary>
/// How many of the session's reader threads read. While requests are quick ones that come one after the other, a single thread reads and the others
/// rest: it has everything in its processor's caches, and a caller who sends a request while it works has nobody to wake. A request that
/// may take longer has another reader called first, and so has a backlog; then several read, until it is calm again.
/// INVARIANT: while a reader works on a request that isn't quick, another reads, unless all are at work.
/// </summary>
internal sealed class ReaderTeam(FuseDevice device)
{
    /// <summary>Quick requests in a row after which all readers but one rest.</summary>
    private const int CalmAfter = 64;

    /// <summary>Every so many requests the reader looks for a backlog, where others rest: a system call.</summary>
    private const int LookEvery = 8;

    /// <summary>Looks in a row that found a request waiting, after which another reader is called.</summary>
    private const int BacklogAfter = 4;

    /// <summary>How soon those who rest notice that the only reader got stuck in a request that should have been quick.</summary>
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(1);

    private readonly object _monitor = new();
    private int _reading;
    private int _resting;
    private int _called;
    private int _calm;
    private int _backlog;
    private bool _hasEnded;

    /// <summary>Before each read. Rests here while another reader suffices.</summary>
    public void BeginRead()
    {
        bool isLook = Volatile.Read(ref _resting) > 0 && Volatile.Read(ref _calm) % LookEvery == 0;
        bool isWaiting = isLook && device.HasRequest();
        lock (_monitor)
        {
            if (isLook)
            {
                NoteBacklog(isWaiting);
            }

            while (_calm >= CalmAfter && _reading > 0 && !_hasEnded)
            {
                Rest();
            }

            _reading++;
        }
    }

    /// <summary>The read brought a request, which is about to be worked on.</summary>
    public void Took(FuseOpcode opcode)
    {
        bool isQuick = IsQuick(opcode);
        lock (_monitor)
        {
            _reading--;
            _calm = isQuick ? _calm + 1 : 0;
            if (!isQuick && _reading == 0)
            {
                Call();
            }
        }
    }

    /// <summary>The read brought nothing.</summary>
    public void TookNothing()
    {
        lock (_monitor)
        {
            _reading--;
        }
    }

    /// <summary>The session is over: nobody rests any more.</summary>
    public void End()
    {
        lock (_monitor)
        {
            _hasEnded = true;
            Monitor.PulseAll(_monitor);
        }
    }

    /// <summary>Answered from memory nearly always. Of all others some wait for a disk before they become a task, or compute.</summary>
    private static bool IsQuick(FuseOpcode opcode) => opcode
        is FuseOpcode.Lookup or FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.GetAttr or FuseOpcode.Statx or FuseOpcode.ReadLink
        or FuseOpcode.Open or FuseOpcode.Release or FuseOpcode.Access or FuseOpcode.StatFs or FuseOpcode.GetXattr or FuseOpcode.Interrupt;

    private void NoteBacklog(bool isWaiting)
    {
        _backlog = isWaiting ? _backlog + 1 : 0;
        if (_backlog < BacklogAfter)
        {
            return;
        }

        (_backlog, _calm) = (0, 0);
        Call();
    }

    private void Call()
    {
        if (_called < _resting)
        {
            _called++;
            Monitor.Pulse(_monitor);
        }
    }

    /// <summary>Until called, or until it turns out that nobody reads.</summary>
    private void Rest()
    {
        _resting++;
        bool wasCalled = Monitor.Wait(_monitor, LongestRest);
        _resting--;
        if (_called > 0 && (wasCalled || _called > _resting))
        {
            _called--;
            _calm = 0;
        }
    }
}
