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

/// <summary>A record or readonly struct that travels as a MessagePack array; the stub generator writes its codec.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct)]
public sealed class WireMessageAttribute : Attribute;

/// <summary>A property's index in the MessagePack array, by MessagePack-CSharp's rules: gaps are nil, unknown later indexes are skipped.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class KeyAttribute(int index) : Attribute
{
    public int Index { get; } = index;
}

/// <summary>The most bytes (for strings and byte arrays) or elements (for lists) that a field may have. Checked before anything is allocated.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class LimitAttribute(int most) : Attribute
{
    public int Most { get; } = most;
}
