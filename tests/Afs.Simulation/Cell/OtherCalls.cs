using Afs.Venus.Callbacks;
using Afs.Venus.Servers;
using Afs.Wire;

namespace Afs.Simulation;

/// <summary>A server whose calls go another way.</summary>
internal sealed class OtherCalls(IViceServer server, Func<IViceService, IViceService> replace) : IViceServer
{
    public IViceService Vice { get; } = replace(server.Vice);

    public IContentTransfer Content => server.Content;

    public ServerTrust Trust => server.Trust;

    public void Start(IVenusCallbacks callbacks) => server.Start(callbacks);

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
