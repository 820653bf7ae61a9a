namespace Afs.Fuse.Session;

/// <summary>Counts the requests that wait in tasks, holds the readers back while there are too many, and knows when none is left.</summary>
internal sealed class PendingGate(int maxPending)
{
    private readonly object _monitor = new();
    private int _pending;

    public void Enter()
    {
        lock (_monitor)
        {
            _pending++;
        }
    }

    public void Leave()
    {
        lock (_monitor)
        {
            _pending--;
            Monitor.PulseAll(_monitor);
        }
    }

    /// <summary>Waits until one more request may wait. Several readers may pass at once, so the bound is exceeded by at most their number.</summary>
    public void WaitForRoom()
    {
        if (Volatile.Read(ref _pending) < maxPending)
        {
            return;
        }

        lock (_monitor)
        {
            while (_pending >= maxPending)
            {
                Monitor.Wait(_monitor);
            }
        }
    }

    public void WaitUntilEmpty()
    {
        lock (_monitor)
        {
            while (_pending > 0)
            {
                Monitor.Wait(_monitor);
            }
        }
    }
}
