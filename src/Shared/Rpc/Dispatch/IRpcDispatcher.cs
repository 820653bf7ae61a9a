using System.Buffers;

namespace Afs.Rpc;

/// <summary>A service as its callers' connections see it: numbers and bytes. The stub generator implements it for every <see cref="RpcServiceAttribute"/>.</summary>
public interface IRpcDispatcher
{
    /// <summary>Every operation of the service, by rising number.</summary>
    IReadOnlyList<RpcOperation> Operations { get; }

    /// <summary>False: the service has no such operation.</summary>
    bool TryGetOperation(int number, out RpcOperation operation);

    /// <summary>
    /// Decodes, calls, and encodes the reply into <paramref name="reply"/>. Decoding is over when this returns: the request's buffer
    /// may then be reused, though the task may still run.
    /// </summary>
    /// <exception cref="MalformedMessageException">Thrown before the service is called: the request is malformed.</exception>
    ValueTask<DispatchResult> DispatchAsync(int operation, ReadOnlyMemory<byte> request, CallContext context, IBufferWriter<byte> reply);
}
