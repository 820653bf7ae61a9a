using Afs.Venus.Hosting;

namespace Afs.Venus.Tests;

/// <summary>One real cache, with the shorthand of <see cref="CacheClient"/>.</summary>
internal sealed class LiveClient(VenusCache cache) : CacheClient(cache.Manager), IAsyncDisposable
{
    public VenusCache Cache => cache;

    public async ValueTask DisposeAsync()
    {
        await cache.DisposeAsync();
        Manager.CheckInvariants();
    }
}
