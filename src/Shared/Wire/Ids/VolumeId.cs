namespace Afs.Wire;

/// <summary>A volume: a tree of files with one root. Unique in its cell.</summary>
public readonly record struct VolumeId(uint Value)
{
    public override string ToString() => Value.ToString();
}
