namespace Afs.Rpc;

/// <summary>Accepts connections at one address. Disposing it ends a pending accept with <see cref="OperationCanceledException"/>.</summary>
public interface IFrameListener : IAsyncDisposable
{
    /// <summary>Where it listens, with the port that was chosen.</summary>
    RpcEndpoint Endpoint { get; }

    ValueTask<IFrameConnection> AcceptAsync();
}
