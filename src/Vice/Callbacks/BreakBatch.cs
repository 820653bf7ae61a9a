using Afs.Wire;

namespace Afs.Vice.Callbacks;

/// <summary>The breaks of one call to a client.</summary>
/// <param name="everything">Who waits for a break of all volumes; null: no such.</param>
internal sealed class BreakBatch(BreakWait? everything)
{
    private BreakWait? _afterReset;

    public List<PendingBreak> Breaks { get; } = [];

    public BreakPromisesRequest ToMessage(IReadOnlyList<VolumeId> volumes) => new()
    {
        Breaks = [.. Breaks.Select(pending => pending.ToMessage())],
        Volumes = everything is null && _afterReset is null ? [] : volumes,
    };

    /// <summary>The client is reset: from here on the batch breaks everything. The task ends with the batch.</summary>
    public Task BecomeEverything() => (_afterReset ??= new BreakWait()).Done;

    /// <summary>The client let go, or its lease ended: nobody waits any more.</summary>
    public void Release()
    {
        foreach (PendingBreak pending in Breaks)
            pending.Waits.ForEach(wait => wait.Release());
        everything?.Release();
        _afterReset?.Release();
    }
}
