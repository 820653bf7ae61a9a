using Afs.Venus.Callbacks;
using Afs.Wire;

namespace Afs.Venus.Servers;

/// <summary>One file server, as the cache sees it: calls, content, and whether its promises may be believed.</summary>
public interface IViceServer : IAsyncDisposable
{
    IViceService Vice { get; }

    IContentTransfer Content { get; }

    ServerTrust Trust { get; }

    /// <summary>Connects, in the background, for ever; the server's calls go to <paramref name="callbacks"/>.</summary>
    void Start(IVenusCallbacks callbacks);
}
