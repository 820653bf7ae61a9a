namespace Afs.Simulation;

/// <summary>
/// One thread and one clock for a whole cell. What is ready to run is picked at random by the seed, whichever host it belongs to; time moves
/// when nothing is ready.
/// </summary>
internal sealed class SimWorld
{
    /// <summary>A run that takes more turns than this goes round in circles.</summary>
    private const int MostTurns = 3_000_000;

    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly List<(SimHost Host, SendOrPostCallback Callback, object? State)> _ready = [];
    private readonly Random _random;
    private readonly long _began;
    private volatile bool _isOver;
    private long _sequence;

    public SimWorld(int seed, TextWriter? output)
    {
        _random = new Random(seed);
        _began = Time.GetTimestamp();
        Story = new Story(this, output);
    }

    /// <summary>The time that is true; the hosts' own clocks run apart from it.</summary>
    public VirtualTimeProvider Time { get; } = new();

    public Story Story { get; }

    public TimeSpan Elapsed => Time.GetElapsedTime(_began);

    /// <summary>Turns made so far.</summary>
    public long Turns { get; private set; }

    /// <summary>Timers that fired.</summary>
    public long Fired { get; private set; }

    public ViolationException? Violation { get; private set; }

    /// <summary>Orders all events of a run.</summary>
    public long NextSequence() => ++_sequence;

    /// <summary>The contract was broken: the run ends after this turn, by the first of them.</summary>
    public void Violated(string what, Exception? inner = null)
    {
        if (Violation is not null)
            return;
        Story.Tell("model", "VIOLATION " + what);
        Violation = new ViolationException(what, inner);
    }

    public void Post(SimHost host, SendOrPostCallback callback, object? state)
    {
        // The finalizer of a dead host's timer may come here, on its own thread.
        if (host.IsDead || _isOver)
            return;
        if (Environment.CurrentManagedThreadId != _thread)
            throw new InvalidOperationException($"Something of {host.Name} continued on another thread; the run can't be repeated. It came here by {Environment.StackTrace}");
        _ready.Add((host, callback, state));
    }

    /// <summary>Turns until <paramref name="main"/> ends or the contract is broken.</summary>
    /// <exception cref="ViolationException">The contract was broken.</exception>
    public void Run(Task main, TimeSpan limit)
    {
        long end = Time.GetTimestamp() + limit.Ticks;
        while (!main.IsCompleted && Violation is null)
        {
            if (_ready.Count > 0)
                Turn();
            else if (Time.FireNext(end))
                Fired++;
            else
                Violated($"liveness: nothing is left to do within {limit}, and the run hasn't ended");
            if (Turns + Fired > MostTurns)
                Violated($"liveness: {MostTurns} turns, and the run hasn't ended");
        }
        _isOver = true;
        if (Violation is { } violation)
            throw violation;
        main.GetAwaiter().GetResult();
    }

    private void Turn()
    {
        int pick = _random.Next(_ready.Count);
        (SimHost host, SendOrPostCallback callback, object? state) = _ready[pick];
        _ready[pick] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        Turns++;
        host.Enter(callback, state);
    }
}
