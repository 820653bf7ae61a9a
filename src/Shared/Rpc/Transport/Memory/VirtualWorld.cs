namespace Afs.Rpc;

/// <summary>
/// One thread and one clock for a whole cell: everything that is started in <see cref="Run"/> continues on its thread, one step at a
/// time, in an order that depends on nothing outside. Time moves when nothing else is left to do.
/// </summary>
/// <remarks>
/// What hops to the thread pool by itself breaks the order: CancelAsync, SemaphoreSlim.WaitAsync, ConfigureAwait(false), Task.Run, and
/// WaitAsync, WhenAny or WhenAll straight on a TaskCompletionSource that runs its continuations asynchronously (await it in a method of its own).
/// </remarks>
public sealed class VirtualWorld : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = new();
    private long _steps;

    public VirtualTimeProvider Time { get; } = new();

    /// <summary>Steps made so far: the same for the same seed.</summary>
    public long Steps => _steps;

    public override void Post(SendOrPostCallback d, object? state)
    {
        lock (_ready)
            _ready.Enqueue((d, state));
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Runs <paramref name="main"/> to its end, and throws what it throws.</summary>
    /// <param name="limit">Virtual time that it may take.</param>
    /// <exception cref="TimeoutException">It didn't end: within the limit, or ever, since nothing is left that could move it.</exception>
    public void Run(Func<Task> main, TimeSpan limit)
    {
        SynchronizationContext? outer = Current;
        SetSynchronizationContext(this);
        try
        {
            long end = Time.GetTimestamp() + limit.Ticks;
            Task task = main();
            while (!task.IsCompleted)
            {
                if (!Step() && !Time.FireNext(end))
                    throw new TimeoutException($"Nothing is left to do within {limit}, and the run hasn't ended.");
            }

            task.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    private bool Step()
    {
        (SendOrPostCallback Callback, object? State) step;
        lock (_ready)
        {
            if (!_ready.TryDequeue(out step))
                return false;
        }

        _steps++;
        step.Callback(step.State);
        return true;
    }
}
