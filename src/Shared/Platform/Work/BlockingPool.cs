namespace Afs.Platform;

/// <summary>Runs what may block for long on the disk, such as an fsync of a large file, where it keeps nobody else waiting.</summary>
public interface IBlockingWork
{
    Task<T> RunAsync<T>(Func<T> work);
}

/// <summary>
/// Blocking disk work on threads of its own, at most so many, so that a slow disk takes no thread from who answers calls. What finds none free waits in line; the
/// line is as long as its callers, each of which waits for his own. Threads begin when they are needed, and end with the pool.
/// </summary>
/// <param name="most">Threads.</param>
/// <param name="name">Of what for; the threads are named so, with a number.</param>
public sealed class BlockingPool(int most, string name = "disk") : IBlockingWork, IDisposable
{
    private readonly object _lock = new();
    private readonly Queue<Action> _waiting = new();
    private int _threads, _idle;
    private bool _isDisposed;

    /// <summary>After the pool's end it is refused by <see cref="ObjectDisposedException"/>.</summary>
    public Task<T> RunAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_isDisposed)
                return Task.FromException<T>(new ObjectDisposedException(nameof(BlockingPool)));
            _waiting.Enqueue(() => Run(work, done));
            if (_waiting.Count > _idle && _threads < most)
                Start();
            else
                Monitor.Pulse(_lock);
        }
        return done.Task;
    }

    /// <summary>What waits is still done; nothing more is taken in.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            Monitor.PulseAll(_lock);
        }
    }

    private void Start()
    {
        _threads++;
        new Thread(Serve) { Name = $"{name} {_threads}", IsBackground = true }.Start();
    }

    private void Serve()
    {
        while (Take() is { } work)
            work();
    }

    /// <summary>Null: the end.</summary>
    private Action? Take()
    {
        lock (_lock)
        {
            while (_waiting.Count == 0)
            {
                if (_isDisposed)
                    return null;
                _idle++;
                Monitor.Wait(_lock);
                _idle--;
            }
            return _waiting.Dequeue();
        }
    }

    private static void Run<T>(Func<T> work, TaskCompletionSource<T> done)
    {
        try
        {
            done.SetResult(work());
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }
}

/// <summary>Runs the work at once on the caller's thread: for tests and simulation, where all is one thread.</summary>
public sealed class InlineWork : IBlockingWork
{
    public Task<T> RunAsync<T>(Func<T> work)
    {
        try
        {
            return Task.FromResult(work());
        }
        catch (Exception e)
        {
            return Task.FromException<T>(e);
        }
    }
}
