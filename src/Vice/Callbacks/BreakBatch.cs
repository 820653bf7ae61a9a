using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>The breaks of one call to a client.</summary>
/// <param name="everything">Who waits for a break of all volumes; null: no such.</param>
internal sealed class BreakBatch(BreakWait? everything)
{
    public List<PendingBreak> Breaks { get; } = [];

    public BreakPromisesRequest ToMessage(IReadOnlyList<VolumeId> volumes) => new()
    {
        Breaks = [.. Breaks.Select(pending => pending.ToMessage())],
        Volumes = everything is null ? [] : volumes,
    };

    /// <summary>The client let go, or its lease ended: nobody waits any more.</summary>
    public void Release()
    {
        foreach (PendingBreak pending in Breaks)
            pending.Waits.ForEach(wait => wait.Release());
        everything?.Release();
    }
}
