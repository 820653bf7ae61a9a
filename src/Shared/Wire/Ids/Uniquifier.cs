namespace Afs.Wire;

/// <summary>Tells one life of a vnode number from another, where a volume was restored from a backup.</summary>
public readonly record struct Uniquifier(uint Value)
{
    public override string ToString() => Value.ToString();
}
