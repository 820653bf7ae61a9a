using Afs.Vice.Volumes.Commit;

namespace Afs.Simulation;

/// <summary>Gives the committer its turns, some time after it was woken: as long as an fsync takes.</summary>
internal sealed class CommitPump(SimHost host, TimeProvider time, Random random, TimeSpan mostTime)
{
    private GroupCommitter? _committer;
    private bool _isDue;

    public void Start(GroupCommitter committer)
    {
        _committer = committer;
        Wake();
    }

    public void Wake()
    {
        if (_isDue || _committer is null)
            return;
        _isDue = true;
        host.Begin(CommitAsync);
    }

    private async Task CommitAsync()
    {
        await Task.Delay(mostTime * random.NextDouble(), time);
        _isDue = false;
        try
        {
            while (_committer!.CommitBatch())
            {
            }
        }
        catch (Exception e) when (e is not HostDiedException)
        {
            host.World.Violated($"the committer failed: {e.Message}", e);
        }
    }
}
