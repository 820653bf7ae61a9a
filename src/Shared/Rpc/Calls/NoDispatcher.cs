using System.Buffers;

namespace Afs.Rpc;

/// <summary>For a peer that takes no calls.</summary>
internal sealed class NoDispatcher : IRpcDispatcher
{
    public static readonly NoDispatcher Instance = new();

    public IReadOnlyList<RpcOperation> Operations => [];

    public bool TryGetOperation(int number, out RpcOperation operation)
    {
        operation = default;
        return false;
    }

    public ValueTask<DispatchResult> DispatchAsync(int operation, ReadOnlyMemory<byte> request, CallContext context, IBufferWriter<byte> reply) =>
        new(new DispatchResult(OutcomeKind.Aborted, RpcAbortCodes.NoService));
}
