using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// Tells watches of promises that have just gone. What was last known of a vnode can still be read in the caches then, and is not believed any
/// more: whoever asks for it asks the server.
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
