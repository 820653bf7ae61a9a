namespace Afs.Rpc;

/// <summary>The most bytes (for strings and byte arrays) or elements (for lists) that a field may have. Checked before anything is allocated.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class LimitAttribute(int most) : Attribute
{
    public int Most { get; } = most;

    /// <summary>For a list of strings or byte arrays: the most bytes of each element. Compulsory there.</summary>
    public int Each { get; init; }
}
