using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Afs.Rpc;

/// <summary>
/// The threads that wait for sockets to become readable, or to have room again. Who gets an event reads or writes that socket and runs what waited
/// for it, then waits again: from the arrival of a message to its handling no other thread is woken. The framework's own way wakes three: one that waits for
/// events, one of the pool, and another of the pool that looks for more work.
///
/// INVARIANT: one thread waits at any time, unless it is just being started. The last one that waits runs nothing itself: another is started for
/// the next event, up to a bound; beyond that, work goes to the thread pool.
/// </summary>
internal sealed class ReaderThreads
{
    /// <summary>A lone caller needs two: one that works, and one that waits.</summary>
    private const int Fewest = 2;

    /// <summary>More can't work at once, but for some that wait for a disk.</summary>
    private static readonly int Most = Environment.ProcessorCount + Fewest;

    private readonly EventPoll _poll = new();
    private readonly ConcurrentDictionary<ulong, SocketWatch> _sockets = new();
    private ulong _lastNumber;
    private int _threads;
    private int _waiting;

    /// <summary>Those of the process. They end with it.</summary>
    public static ReaderThreads Shared { get; } = new();

    private ReaderThreads()
    {
        while (_threads < Fewest)
            TryStartThread();
    }

    /// <summary>A number for a socket, by which its events find it until <see cref="Remove"/>.</summary>
    public ulong Add(SocketWatch socket)
    {
        ulong number = Interlocked.Increment(ref _lastNumber);
        _sockets[number] = socket;
        return number;
    }

    /// <summary>Its events find nobody any more.</summary>
    public void Remove(ulong number) => _sockets.TryRemove(number, out _);

    /// <inheritdoc cref="EventPoll.Arm"/>
    public void Arm(SafeHandle socket, bool isFirst, ulong number, SocketSides sides) => _poll.Arm(socket, isFirst, number, sides);

    private bool TryStartThread()
    {
        int number = Interlocked.Increment(ref _threads);
        if (number > Most)
        {
            Interlocked.Decrement(ref _threads);
            return false;
        }
        new Thread(Run) { IsBackground = true, Name = $"rpc reader {number}" }.Start();
        return true;
    }

    private void Run()
    {
        while (true)
        {
            Interlocked.Increment(ref _waiting);
            ulong number = _poll.Wait(out SocketSides ready);
            bool wasLast = Interlocked.Decrement(ref _waiting) == 0;
            if (_sockets.TryGetValue(number, out SocketWatch? socket))
                Execute(socket, ready, mayRun: !wasLast || TryStartThread());
        }
    }

    /// <summary>Of both sides one runs elsewhere: what the other goes on with may block.</summary>
    private static void Execute(SocketWatch socket, SocketSides ready, bool mayRun)
    {
        SocketSides taken = socket.Take(ready);
        if (taken.HasFlag(SocketSides.Writing))
            Execute(socket.Writing, mayRun && !taken.HasFlag(SocketSides.Reading));
        if (taken.HasFlag(SocketSides.Reading))
            Execute(socket.Reading, mayRun);
    }

    private static void Execute(SocketWait wait, bool mayRun)
    {
        if (mayRun)
            wait.Execute();
        else
            ThreadPool.UnsafeQueueUserWorkItem(wait, preferLocal: false);
    }
}
