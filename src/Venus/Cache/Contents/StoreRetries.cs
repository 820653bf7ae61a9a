using System.Diagnostics;
using Afs.Platform;
using Microsoft.Extensions.Logging;

namespace Afs.Venus.Cache;

/// <summary>
/// Tries failed stores again, later and later, until they succeed. What is open for writing waits for its last close: half of what somebody
/// writes is no version (S2). Bounded by the dirty files that there are.
/// </summary>
internal sealed partial class StoreRetries(ContentStorer storer, ContainerTable table, TimeProvider time, Random random, ILogger log)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1), Longest = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<ContainerId, Retry> _waiting = [];
    private readonly Dictionary<ContainerId, Task> _running = [];

    public int Count
    {
        get
        {
            lock (_lock)
                return _waiting.Count;
        }
    }

    /// <summary>A store failed.</summary>
    public void Add(Container container)
    {
        lock (_lock)
        {
            TimeSpan delay = _waiting.TryGetValue(container.Id, out Retry known) ? known.Delay * 2 : First;
            if (delay > Longest)
                delay = Longest;
            double jitter;
            lock (random)
                jitter = 0.75 + random.NextDouble() / 2;
            _waiting[container.Id] = new Retry(container, time.GetTimestamp(), delay, delay * jitter);
        }
    }

    /// <summary>The server answers again: all are due.</summary>
    public void HurryAll()
    {
        lock (_lock)
        {
            foreach ((ContainerId id, Retry retry) in _waiting.ToArray())
                _waiting[id] = retry with { Delay = First, Wait = TimeSpan.Zero };
        }
    }

    /// <summary>Begins those that are due; waits for none.</summary>
    public void BeginDue(CancellationToken cancellation)
    {
        List<Retry> due;
        lock (_lock)
        {
            foreach ((ContainerId id, Task run) in _running.ToArray())
            {
                if (run.IsCompleted)
                    _running.Remove(id);
            }
            due = [.. _waiting.Values.Where(r => time.GetElapsedTime(r.Since) >= r.Wait && !_running.ContainsKey(r.Container.Id))];
        }
        foreach (Retry retry in due)
        {
            Task run = RetryAsync(retry.Container, cancellation);
            lock (_lock)
                _running[retry.Container.Id] = run;
        }
    }

    private async Task RetryAsync(Container container, CancellationToken cancellation)
    {
        try
        {
            if (container.TryPin())
            {
                Failure failure = await storer.StoreClosedAsync(container, cancellation);
                // Also after a success it may have changed meanwhile, by a mapping that nobody closes again.
                bool isSettled = failure.IsNone && (container.State == ContainerState.Clean || container.HasWriters || container.IsRemovedHere);
                table.Unpin(container);
                if (!isSettled && failure.Kind != FailureKind.RemovedMeanwhile)
                    return;
            }
            lock (_lock)
                _waiting.Remove(container.Id);
        }
        catch (DiskException e)
        {
            LogRetryFailed(container.Fid, e.Message);
        }
    }

    /// <summary>Will somebody try again to store it?</summary>
    public bool Knows(Container container)
    {
        lock (_lock)
            return _waiting.ContainsKey(container.Id);
    }

    /// <summary>INVARIANT: each waits under its own id, and no longer than the longest.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            foreach ((ContainerId id, Retry retry) in _waiting)
            {
                if (retry.Container.Id != id || retry.Delay < First || retry.Delay > Longest || retry.Wait > 2 * Longest)
                    throw new UnreachableException($"The store of container {id} waits for {retry.Wait}.");
            }
        }
    }

    private readonly record struct Retry(Container Container, long Since, TimeSpan Delay, TimeSpan Wait);

    [LoggerMessage(EventId = 231, Level = LogLevel.Error, Message = "The dirty container of {Fid} can't be read: {Reason}")]
    private partial void LogRetryFailed(Afs.Wire.Fid fid, string reason);
}
