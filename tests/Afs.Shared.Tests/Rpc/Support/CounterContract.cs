using Afs.Rpc;

namespace Afs.Shared.Tests.Rpc;

/// <summary>The service of these tests: counters, and calls that wait.</summary>
[RpcService]
public interface ICounterService
{
    [Op(1, Mutation = true)]
    ValueTask<Outcome<NumberMessage>> IncrementAsync(NumberMessage request, CallContext context);

    [Op(2)]
    ValueTask<Outcome<NumberMessage>> ReadAsync(NumberMessage request, CallContext context);

    /// <summary>Waits until the test lets it go.</summary>
    [Op(3, Mutation = true)]
    ValueTask<Outcome<NumberMessage>> HoldAsync(NumberMessage request, CallContext context);

    [Op(4)]
    ValueTask<Outcome<BytesMessage>> EchoAsync(BytesMessage request, CallContext context);

    [Op(5, Mutation = true)]
    ValueTask<Outcome<NumberMessage>> RefuseAsync(NumberMessage request, CallContext context);

    [Op(6, Mutation = true)]
    ValueTask<Outcome<NumberMessage>> ThrowAsync(NumberMessage request, CallContext context);

    /// <summary>So many bytes.</summary>
    [Op(7)]
    ValueTask<Outcome<BytesMessage>> MakeAsync(NumberMessage request, CallContext context);
}

/// <summary>What the server of these tests asks its clients.</summary>
[RpcService]
public interface INotifyService
{
    [Op(50)]
    ValueTask<Outcome<NumberMessage>> NotifyAsync(NumberMessage request, CallContext context);
}

[WireMessage]
public readonly partial record struct NumberMessage([property: Key(0)] long Value);

[WireMessage]
public sealed partial record BytesMessage
{
    [Key(0), Limit(1 << 21)] public required byte[] Bytes { get; init; }
}
