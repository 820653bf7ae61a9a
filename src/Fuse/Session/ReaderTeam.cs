namespace Afs.Fuse.Session;

/// <summary>
/// The threads that read the session's requests, and how many of them read at a time.
///
/// While all requests are quick and come one after the other, one thread reads and the others rest. Its processor has everything in its caches, and a caller that
/// sends a request while the thread works need not wake anybody. Before a thread works on a request that may take long, it calls another reader. It does the same if
/// requests of several callers pile up. Then several threads read, until it is calm again.
///
/// INVARIANT: some thread reads, or will read within the interval of the watch, whatever blocks the others. If no thread rests that could be called, another one is
/// started. If there are <see cref="MostThreads"/> already, the last of them works on nothing that could block: it only takes requests in, and the next thread that is free works
/// on them. So INTERRUPT and FORGET, which the kernel hands out before all else, are always read.
/// INVARIANT: a request that was taken in and isn't begun is in <see cref="_waiting"/>, in the order of arrival, and in the <see cref="InFlightTable"/>.
/// </summary>
/// <param name="device">Where requests come from.</param>
/// <param name="gate">Says whether one more request may become a task.</param>
/// <param name="usual">How many threads there are always.</param>
/// <param name="watchInterval">How soon it is noticed that the only reader got stuck in a request that should have been quick.</param>
internal sealed class ReaderTeam(FuseDevice device, PendingGate gate, int usual, TimeSpan watchInterval)
{
    /// <summary>
    /// At most this many threads, so this many requests may be blocked, in a slow disk for example. Far more than a disk works on at a time, and few enough that their stacks and
    /// slots don't matter.
    /// </summary>
    private const int MostThreads = 64;

    /// <summary>
    /// At most this many requests are taken in and not begun; the next one is worked on at once. The kernel sends one request for each thread that waits, and some of its own: this is
    /// more than a machine has of both, and only a bound on memory.
    /// </summary>
    private const int MostWaiting = 16384;

    /// <summary>
    /// After this many quick requests in a row all readers but one rest. A program that copies files sends a slow one (READ, WRITE, READDIR) more often than that, and keeps
    /// several readers. One that walks a tree, or makes and removes names, is served by a single reader after a few milliseconds.
    /// </summary>
    private const int CalmAfter = 64;

    /// <summary>
    /// While others rest, the only reader looks for a backlog once in this many requests, as each look is a system call. The number is odd: where a caller's OPEN and
    /// RELEASE take turns, its next OPEN often waits behind its RELEASE, and an even number would always look at the same of the two moments.
    /// </summary>
    private const int LookEvery = 7;

    /// <summary>
    /// Another reader is called after this many looks that each found another caller's request waiting, with none between that found nothing. One such look may be chance; four in a
    /// row mean that for some 28 requests they came faster than one thread answers.
    /// </summary>
    private const int BacklogAfter = 4;

    /// <summary>A thread beyond the usual ones ends after a rest of this length: long enough to serve the next burst, short enough that nothing stays of the last.</summary>
    private static readonly TimeSpan SurplusRest = TimeSpan.FromSeconds(2);

    private readonly object _monitor = new();
    private readonly LinkedList<RequestSlot> _waiting = [];
    private readonly AutoResetEvent _activity = new(initialState: false);
    private Action _run = static () => { };
    private int _threads;
    private int _reading;
    private int _resting;
    private int _called;
    private int _calm;
    private int _backlog;
    private bool _wasWaiting;
    private uint _lastCaller;
    private bool _hasEnded;

    /// <summary>How many requests were taken so far. The watch sleeps while this doesn't change and some thread reads.</summary>
    private uint _taken;
    private bool _isWatchAsleep = true;

    public enum Step
    {
        /// <summary>Read the next request.</summary>
        Read,

        /// <summary>Work on a request that waited.</summary>
        Work,

        /// <summary>There are enough threads: this one ends.</summary>
        Leave,
    }

    /// <param name="run">What each thread does, until <see cref="Leave"/> or <see cref="Step.Leave"/>.</param>
    public void Start(Action run)
    {
        _run = run;
        gate.RoomMade = RoomMade;
        _threads = usual;
        for (int i = 0; i < usual; i++)
        {
            StartThread();
        }

        if (watchInterval != Timeout.InfiniteTimeSpan)
        {
            new Thread(Watch) { IsBackground = true, Name = "fuse watch" }.Start();
        }
    }

    /// <summary>What the thread does next. It rests in here while the others are enough.</summary>
    public Step BeginRead(out RequestSlot? waiting)
    {
        waiting = null;
        bool isLook = Volatile.Read(ref _resting) > 0 && Volatile.Read(ref _calm) % LookEvery == 0;
        bool isWaiting = isLook && device.HasRequest();
        lock (_monitor)
        {
            if (isLook)
            {
                _wasWaiting = isWaiting;
                _backlog = isWaiting ? _backlog : 0;
            }

            while (true)
            {
                if (_waiting.First is { } first && _reading > 0 && gate.HasRoom)
                {
                    _waiting.RemoveFirst();
                    waiting = first.Value;
                    return Step.Work;
                }

                bool areEnough = _reading >= usual || (_calm >= CalmAfter && _reading > 0);
                if (_hasEnded || !areEnough)
                {
                    _reading++;
                    return Step.Read;
                }

                if (!Rest())
                {
                    _threads--;
                    return Step.Leave;
                }
            }
        }
    }

    /// <summary>The read brought a request. True: the thread works on it now. False: it only takes it in (<see cref="Wait"/>).</summary>
    /// <param name="operation">What it asks for.</param>
    /// <param name="caller">The thread that sent it; zero where it is of another pid namespace.</param>
    public bool Took(Operation operation, uint caller)
    {
        bool wakesWatch, starts = false, isNow = true;
        lock (_monitor)
        {
            _reading--;
            _taken++;
            (wakesWatch, _isWatchAsleep) = (_isWatchAsleep, false);
            _calm = operation.IsQuick ? _calm + 1 : 0;
            if (operation.IsAwaited)
            {
                starts = NoteCaller(caller);
            }

            _wasWaiting = false;
            bool isAlone = _reading == 0, canBeRelieved = _called < _resting || _threads < MostThreads;
            if (!operation.IsMessage && (!gate.HasRoom || (isAlone && !canBeRelieved)))
            {
                isNow = _waiting.Count >= MostWaiting;
            }
            else if (!operation.IsQuick && isAlone)
            {
                starts |= Relieve();
            }
        }

        if (wakesWatch)
        {
            _activity.Set();
        }

        if (starts)
        {
            StartThread();
        }

        return isNow;
    }

    /// <summary>The request waits until a thread is free and one more may become a task.</summary>
    public void Wait(RequestSlot slot)
    {
        bool starts;
        lock (_monitor)
        {
            _waiting.AddLast(slot);
            starts = gate.HasRoom && Relieve();
        }

        if (starts)
        {
            StartThread();
        }
    }

    /// <summary>Takes a waiting request out, for the caller to answer. Null: it doesn't wait here.</summary>
    public RequestSlot? TryTakeBack(RequestId id)
    {
        lock (_monitor)
        {
            for (LinkedListNode<RequestSlot>? node = _waiting.First; node is not null; node = node.Next)
            {
                if (node.Value.Header.Id == id)
                {
                    _waiting.Remove(node);
                    return node.Value;
                }
            }

            return null;
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

    /// <summary>The session is over: the thread ends, and wakes all that rest. True: it is the last one.</summary>
    public bool Leave()
    {
        bool isLast;
        lock (_monitor)
        {
            _hasEnded = true;
            isLast = --_threads == 0;
            Monitor.PulseAll(_monitor);
        }

        _activity.Set();
        return isLast;
    }

    /// <summary>The requests that still wait at the end, when no thread is left.</summary>
    public IEnumerable<RequestSlot> Drain()
    {
        while (_waiting.First is { } first)
        {
            _waiting.RemoveFirst();
            yield return first.Value;
        }
    }

    /// <summary>
    /// Counts what the last look found. A request of the caller that was served just before counts as no backlog: another reader would gain that caller nothing. True: start a thread.
    /// </summary>
    private bool NoteCaller(uint caller)
    {
        bool isOther = caller == 0 || caller != _lastCaller;
        _lastCaller = caller;
        _backlog += isOther && _wasWaiting ? 1 : 0;
        if (_backlog < BacklogAfter)
        {
            return false;
        }

        (_backlog, _calm) = (0, 0);
        return _resting > _called && Relieve();
    }

    /// <summary>Calls one more thread to read or work. True: none rests, so the caller has to start one, which is counted already.</summary>
    private bool Relieve()
    {
        if (_called < _resting)
        {
            _called++;
            Monitor.Pulse(_monitor);
            return false;
        }

        if (_threads >= MostThreads || _hasEnded)
        {
            return false;
        }

        _threads++;
        return true;
    }

    /// <summary>Rests until called. False: nobody called for a long time, and there are more threads than usual.</summary>
    private bool Rest()
    {
        _resting++;
        bool isSurplus = _threads > usual;
        bool wasWoken = Monitor.Wait(_monitor, isSurplus ? SurplusRest : Timeout.InfiniteTimeSpan);
        _resting--;
        if (_called > 0 && (wasWoken || _called > _resting))
        {
            _called--;
            _calm = 0;
            return true;
        }

        return wasWoken || _threads <= usual;
    }

    private void RoomMade()
    {
        bool starts;
        lock (_monitor)
        {
            starts = _waiting.Count > 0 && Relieve();
        }

        if (starts)
        {
            StartThread();
        }
    }

    private void StartThread()
    {
        try
        {
            new Thread(() => _run()) { IsBackground = true, Name = "fuse reader" }.Start();
        }
        catch (OutOfMemoryException)
        {
            // The machine has no more threads. The ones that exist go on.
            lock (_monitor)
            {
                _threads--;
            }
        }
    }

    /// <summary>The watch: while requests come, it calls another reader if the only one got stuck. While none come, it sleeps.</summary>
    private void Watch()
    {
        while (true)
        {
            _activity.WaitOne();
            uint seen;
            lock (_monitor)
            {
                seen = _taken;
            }

            while (true)
            {
                Thread.Sleep(watchInterval);
                bool starts;
                lock (_monitor)
                {
                    if (_hasEnded)
                    {
                        return;
                    }

                    bool stands = _taken == seen;
                    seen = _taken;
                    _isWatchAsleep = stands && _reading > 0;
                    starts = stands && _reading == 0 && Relieve();
                }

                if (starts)
                {
                    StartThread();
                }

                if (_isWatchAsleep)
                {
                    break;
                }
            }
        }
    }
}
