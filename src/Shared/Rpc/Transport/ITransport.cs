namespace Afs.Rpc;

/// <summary>How frames get from one host to another: sockets, or an in-memory network.</summary>
public interface ITransport
{
    /// <exception cref="IOException">Nobody is there. The message says why.</exception>
    ValueTask<IFrameConnection> ConnectAsync(RpcEndpoint endpoint, CancellationToken cancellation);

    /// <exception cref="RpcEndpointException">It can't listen there.</exception>
    ValueTask<IFrameListener> ListenAsync(RpcEndpoint endpoint, CancellationToken cancellation);
}
