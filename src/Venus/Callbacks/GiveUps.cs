using System.Diagnostics;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Venus.Callbacks;

/// <summary>
/// Promises that are no longer needed go back to the server in batches. While one is given up no new one is accepted for the same fid (rule E3
/// of PromiseRules). Bounded: past the limit they are just forgotten, and a break for one costs one message.
/// </summary>
internal sealed class GiveUps(BreakLog breaks, ViceCalls calls, Func<Fid, bool> isPromised)
{
    private const int MostWaiting = 4 * Limits.FidsPerGiveUp;

    private readonly Lock _lock = new();
    private readonly HashSet<Fid> _waiting = [];

    /// <summary>Takes a leaf lock only.</summary>
    public void Add(Fid fid)
    {
        lock (_lock)
        {
            if (_waiting.Count < MostWaiting)
                _waiting.Add(fid);
        }
    }

    public async Task SendAsync(CancellationToken cancellation)
    {
        while (Take() is { Count: > 0 } batch)
        {
            breaks.Hold(batch);
            try
            {
                // One that was fetched again since is needed. From here on none can be.
                List<Fid> unneeded = [.. batch.Where(fid => !isPromised(fid))];
                if (unneeded.Count > 0)
                {
                    await calls.ReadAsync(
                        (vice, context) => vice.GiveUpPromisesAsync(new GiveUpPromisesRequest { Fids = unneeded }, context), cancellation);
                }
            }
            finally
            {
                breaks.Release(batch);
            }
        }
    }

    private List<Fid> Take()
    {
        lock (_lock)
        {
            List<Fid> batch = [.. _waiting.Take(Limits.FidsPerGiveUp)];
            _waiting.ExceptWith(batch);
            return batch;
        }
    }

    /// <summary>INVARIANT: no more wait than may.</summary>
    public void CheckInvariants()
    {
        lock (_lock)
        {
            if (_waiting.Count > MostWaiting)
                throw new UnreachableException($"{_waiting.Count} promises wait to be given up.");
        }
    }
}
