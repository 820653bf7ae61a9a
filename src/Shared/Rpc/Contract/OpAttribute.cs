namespace Afs.Rpc;

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
