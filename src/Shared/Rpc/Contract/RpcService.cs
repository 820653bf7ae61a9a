using System.Buffers;

namespace Afs.Rpc;

/// <summary>An interface whose methods are remote calls. The stub generator writes its client stub and its dispatcher.</summary>
[AttributeUsage(AttributeTargets.Interface)]
public sealed class RpcServiceAttribute : Attribute;

/// <summary>The number of a call on the wire. Never reused, also not after the call is retired.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OpAttribute(int number) : Attribute
{
    public int Number { get; } = number;

    /// <summary>
    /// The call changes something: it runs at most once, and its reply is committed in the transaction of the change, so that
    /// a retry after a lost reply or a restart is answered as the first call was.
    /// </summary>
    public bool Mutation { get; init; }
}

/// <summary>For whom a client makes a call: a number whose meaning client and server agreed on in their session. Zero: nobody, the client itself.</summary>
public readonly record struct CallerNumber(uint Value)
{
    public override string ToString() => Value.ToString();
}

/// <summary>
/// Goes with every call. The caller sets <see cref="Deadline"/>, <see cref="Caller"/> and <see cref="Cancellation"/>;
/// at the server the dispatcher sets the rest.
/// </summary>
public readonly record struct CallContext
{
    /// <summary>How long the call may take, retries included; null means the channel's default.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>
    /// At the caller: beyond its deadline a bulk exchange goes on for as long as bytes move, and a call as long as frames move on its connection, one of which may be its own; each
    /// ends when no byte did for so long. Null: it ends at its deadline.
    /// </summary>
    public TimeSpan? Stall { get; init; }

    /// <summary>At the caller: nobody waits for the reply any more. At the server: the server stops; in a bulk exchange, and in a call to a client, also that the connection is gone.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>For whom the call is made.</summary>
    public CallerNumber Caller { get; init; }

    /// <summary>Server only: which call this is. Key of the reply cache.</summary>
    public CallId Id { get; init; }

    /// <summary>Server only: what it asks for. Stored with the reply of a mutation.</summary>
    public RequestDigest Request { get; init; }

    /// <summary>Server only: how the caller is shown in logs, e.g. its address.</summary>
    public string? Peer { get; init; }

    /// <summary>Server only: the machine that the caller is on, as far as can be told.</summary>
    public string Host { get => field ?? Peer ?? "a peer"; init; }
}

/// <summary>Makes calls. The generated client stubs stand on it. Safe for concurrent use.</summary>
public interface IRpcChannel
{
    /// <summary>How the other side is shown in logs.</summary>
    string Peer => "a peer";

    /// <summary>The machine that the other side is on, as far as can be told.</summary>
    string Host => Peer;

    /// <summary>
    /// Sends one call and waits for its reply, an abort or the deadline; retries under the same call id over reconnects.
    /// </summary>
    /// <param name="operation">The number from <see cref="OpAttribute"/>.</param>
    ValueTask<Outcome<TReply>> CallAsync<TRequest, TReply>(int operation, bool isMutation, TRequest request, CallContext context)
        where TRequest : IWireMessage<TRequest>
        where TReply : IWireMessage<TReply>;
}

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

/// <summary>What is known of an operation before its request is decoded.</summary>
public readonly record struct RpcOperation(int Number, string Name, bool IsMutation);

/// <summary>An outcome whose reply, if there is one, is already encoded.</summary>
public readonly record struct DispatchResult(OutcomeKind Kind, AbortCode Abort);

/// <summary>What every generated dispatcher does around its service's method.</summary>
public static class RpcDispatch
{
    public static async ValueTask<DispatchResult> CompleteAsync<TReply>(ValueTask<Outcome<TReply>> call, IBufferWriter<byte> reply)
        where TReply : IWireMessage<TReply>
    {
        Outcome<TReply> outcome = await call;
        if (outcome.IsReply)
            WireCodec.Encode(reply, outcome.Value);
        return new DispatchResult(outcome.Kind, outcome.Abort);
    }
}

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
