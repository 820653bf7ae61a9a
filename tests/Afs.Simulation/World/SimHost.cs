namespace Afs.Simulation;

/// <summary>
/// One life of one host: what was begun in it continues in it, and nothing of it goes on after its death, not even a finally. That is how
/// kill -9 looks from inside.
/// </summary>
internal sealed class SimHost(SimWorld world, string name) : SynchronizationContext
{
    private readonly List<(SendOrPostCallback Callback, object? State)> _whileSuspended = [];
    private long _stepsLeft = long.MaxValue;
    private Action? _die;
    private bool _isSuspended;
    private volatile bool _isDead;

    public SimWorld World => world;

    public string Name => name;

    public bool IsDead => _isDead;

    /// <summary>Disk steps made in this life.</summary>
    public long Steps { get; private set; }

    /// <summary>Runs after each of its turns.</summary>
    public Action? CheckInvariants { get; set; }

    public override void Post(SendOrPostCallback d, object? state) => world.Post(this, d, state);

    public override void Send(SendOrPostCallback d, object? state) => Enter(d, state);

    public override SynchronizationContext CreateCopy() => this;

    public void Tell(string what) => world.Story.Tell(name, what);

    /// <summary>Begins something in this life.</summary>
    public void Begin(Func<Task> run) => Post(_ => _ = WatchAsync(run), null);

    /// <summary>Runs as this host: one of its turns, or the start of something.</summary>
    public void Enter(SendOrPostCallback callback, object? state)
    {
        if (IsDead)
            return;
        if (_isSuspended)
        {
            _whileSuspended.Add((callback, state));
            return;
        }
        SynchronizationContext? outer = Current;
        SetSynchronizationContext(this);
        try
        {
            callback(state);
            if (!IsDead)
                CheckInvariants?.Invoke();
        }
        catch (HostDiedException)
        {
            // Its work ended where it was.
        }
        catch (Exception e)
        {
            world.Violated($"{name}: a turn failed: {e.Message}", e);
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    /// <summary>One change of a disk, between any two of which the host may die.</summary>
    /// <exception cref="HostDiedException">It died here, or long ago.</exception>
    public void Step()
    {
        if (!IsDead)
        {
            Steps++;
            if (--_stepsLeft > 0)
                return;
            _die!();
        }
        throw new HostDiedException(name);
    }

    /// <summary>At the given number of steps from here it dies, by what <paramref name="die"/> does.</summary>
    public void DieAtStep(long steps, Action die) => (_stepsLeft, _die) = (steps, die);

    public void Die() => _isDead = true;

    /// <summary>As a laptop whose lid is closed: its clock goes on, nothing else does.</summary>
    public void Suspend() => _isSuspended = true;

    public void Resume()
    {
        _isSuspended = false;
        foreach ((SendOrPostCallback callback, object? state) in _whileSuspended)
            Post(callback, state);
        _whileSuspended.Clear();
    }

    /// <summary>What nobody awaits must not fail.</summary>
    private async Task WatchAsync(Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (Exception e) when (e is not HostDiedException)
        {
            world.Violated($"{name} failed: {e.Message}", e);
        }
    }
}
