namespace Afs.Rpc;

/// <summary>A <see cref="MemoryNetwork"/> as one of its hosts sees it.</summary>
internal sealed class MemoryTransport(MemoryNetwork network, string host) : ITransport
{
    public async ValueTask<IFrameConnection> ConnectAsync(RpcEndpoint endpoint, CancellationToken cancellation)
    {
        string server = HostOf(endpoint);
        await Task.Delay(network.Options.MaxDelay, network.Time, cancellation);
        return network.Connect(host, server);
    }

    public ValueTask<IFrameListener> ListenAsync(RpcEndpoint endpoint, CancellationToken cancellation) =>
        HostOf(endpoint) == host
            ? new ValueTask<IFrameListener>(network.Listen(host, endpoint))
            : throw new RpcEndpointException($"Cannot listen at {endpoint}: this host is memory:{host}.");

    private static string HostOf(RpcEndpoint endpoint) =>
        endpoint is RpcEndpoint.Memory memory ? memory.Host : throw new RpcEndpointException($"'{endpoint}' is no address of a memory network.");
}
