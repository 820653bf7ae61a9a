namespace Afs.Rpc;

/// <summary>A property's index in the MessagePack array, by MessagePack-CSharp's rules: gaps are nil, unknown later indexes are skipped.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class KeyAttribute(int index) : Attribute
{
    public int Index { get; } = index;
}
