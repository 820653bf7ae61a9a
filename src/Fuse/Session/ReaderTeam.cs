using Afs.Fuse.Abi;

namespace Afs.Fuse.Session;

/// <summary>
/// How many of the session's reader threads read. While requests are quick ones that come one after the other, a single thread reads and the others
/// rest: it has everything in its processor's caches, and a caller who sends a request while it works has nobody to wake. A request that
/// may take longer has another reader called first, and so has a backlog; then several read, until it is calm again.
/// INVARIANT: while a reader works on a request that isn't quick, another reads, unless all are at work.
/// </summary>
/// <param name="longestRest">How soon those who rest notice that the only reader got stuck in a request that should have been quick.</param>
internal sealed class ReaderTeam(FuseDevice device, TimeSpan longestRest)
{
    /// <summary>Quick requests in a row after which all readers but one rest.</summary>
    private const int CalmAfter = 64;

    /// <summary>
    /// Every so many requests the reader looks for a backlog, where others rest: a system call. Odd, for OPEN and RELEASE take turns, and
    /// the next OPEN often waits behind a RELEASE.
    /// </summary>
    private const int LookEvery = 7;

    /// <summary>Looks that found another caller's request waiting, with none between that found nothing, after which another reader is called.</summary>
    private const int BacklogAfter = 4;

    private readonly object _monitor = new();
    private int _reading;
    private int _resting;
    private int _called;
    private int _calm;
    private int _backlog;
    private bool _wasWaiting;
    private uint _lastCaller;
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
                _wasWaiting = isWaiting;
                _backlog = isWaiting ? _backlog : 0;
            }

            while (_calm >= CalmAfter && _reading > 0 && !_hasEnded)
            {
                Rest();
            }

            _reading++;
        }
    }

    /// <summary>The read brought a request, which is about to be worked on.</summary>
    /// <param name="caller">The thread that sent it; zero where it is of another pid namespace.</param>
    public void Took(FuseOpcode opcode, uint caller)
    {
        bool isQuick = IsQuick(opcode);
        lock (_monitor)
        {
            _reading--;
            _calm = isQuick ? _calm + 1 : 0;
            if (IsAwaited(opcode))
            {
                NoteCaller(caller);
            }

            _wasWaiting = false;
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

    /// <summary>
    /// Answered from memory nearly always, or made a task after little more: names and attributes are changed by whoever is asked to, and what FLUSH stores
    /// of a small file is in the page cache. Of all others some wait for a disk before they become a task, or compute.
    /// </summary>
    private static bool IsQuick(FuseOpcode opcode) => opcode
        is FuseOpcode.Lookup or FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.GetAttr or FuseOpcode.Statx or FuseOpcode.ReadLink
        or FuseOpcode.Open or FuseOpcode.Release or FuseOpcode.Access or FuseOpcode.StatFs or FuseOpcode.GetXattr or FuseOpcode.Interrupt
        or FuseOpcode.Create or FuseOpcode.Flush or FuseOpcode.SetAttr or FuseOpcode.MkDir or FuseOpcode.MkNod or FuseOpcode.SymLink or FuseOpcode.Link
        or FuseOpcode.Unlink or FuseOpcode.RmDir or FuseOpcode.Rename or FuseOpcode.Rename2;

    /// <summary>Their sender goes on at once, and the kernel doesn't tell who it is.</summary>
    private static bool IsAwaited(FuseOpcode opcode) => opcode
        is not (FuseOpcode.Release or FuseOpcode.ReleaseDir or FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt);

    /// <summary>One caller who sends its next request while the reader is still on its last one gains nothing by another reader.</summary>
    private void NoteCaller(uint caller)
    {
        bool isOther = caller == 0 || caller != _lastCaller;
        _lastCaller = caller;
        _backlog += isOther && _wasWaiting ? 1 : 0;
        if (_backlog >= BacklogAfter)
        {
            (_backlog, _calm) = (0, 0);
            Call();
        }
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
        bool wasCalled = Monitor.Wait(_monitor, longestRest);
        _resting--;
        if (_called > 0 && (wasCalled || _called > _resting))
        {
            _called--;
            _calm = 0;
        }
    }
}
