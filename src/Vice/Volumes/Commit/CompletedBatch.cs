namespace Afs.Vice.Volumes.Commit;

/// <summary>Those who wait for a commit go on, one after the other.</summary>
internal sealed class CompletedBatch(IReadOnlyList<QueuedWork> works) : IThreadPoolWorkItem
{
    public void Execute()
    {
        foreach (QueuedWork work in works)
            work.Complete();
    }
}
