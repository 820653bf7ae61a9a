using Afs.Wire;

namespace Afs.Venus.Cache;

/// <summary>
/// What the kernel caches of this mount. Vfs implements it, the cache manager calls it when promises go, after it has marked them gone
/// itself and holding no lock.
/// </summary>
public interface IKernelCaches
{
    /// <summary>Completes when no process can any longer see from the kernel's caches what was broken. Bounded: some milliseconds, whatever hangs.</summary>
    ValueTask InvalidateAsync(IReadOnlyList<PromiseBreak> breaks);

    /// <summary>Everything: the lease is lost, or the server reset its promises.</summary>
    ValueTask InvalidateAllAsync();
}
