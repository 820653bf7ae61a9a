using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Tells watches of promises that go, at the moment when they go: what was last known of a vnode can still be read in the caches then.
/// Costs nothing while nobody watches. Handlers must not wait.
/// </summary>
internal sealed class BreakFeed
{
    public event Action<IReadOnlyList<PromiseBreak>>? Broken;

    /// <summary>All promises at once.</summary>
    public event Action<SuspectReason>? Lost;

    public void TellBroken(IReadOnlyList<PromiseBreak> breaks) => Broken?.Invoke(breaks);

    public void TellLost(SuspectReason reason) => Lost?.Invoke(reason);
}
