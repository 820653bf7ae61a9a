using System.Collections.Concurrent;

namespace Afs.Rpc;

/// <summary>
/// The threads that wait for sockets to become readable. Who gets an event reads that socket and runs what the reader goes on with, then waits
/// again: from the arrival of a message to its handling no other thread is woken. The framework's own way wakes three: one that waits for
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
    private readonly ConcurrentDictionary<ulong, ReadySocketStream> _sockets = new();
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
    public ulong Add(ReadySocketStream socket)
    {
        ulong number = Interlocked.Increment(ref _lastNumber);
        _sockets[number] = socket;
        return number;
    }

    /// <summary>Its events find nobody any more.</summary>
    public void Remove(ulong number) => _sockets.TryRemove(number, out _);

    /// <inheritdoc cref="EventPoll.Arm"/>
    public void Arm(ReadySocketStream socket, bool isFirst, ulong number) => _poll.Arm(socket.Socket.SafeHandle, isFirst, number);

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
            ulong number = _poll.Wait();
            bool wasLast = Interlocked.Decrement(ref _waiting) == 0;
            if (!_sockets.TryGetValue(number, out ReadySocketStream? socket))
                continue;
            if (wasLast && !TryStartThread())
                ThreadPool.UnsafeQueueUserWorkItem(socket, preferLocal: false);
            else
                socket.Execute();
        }
    }
}
