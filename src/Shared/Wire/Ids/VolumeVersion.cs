namespace Afs.Wire;

/// <summary>Rises with each change of anything in the volume. Same version: nothing in the volume changed.</summary>
public readonly record struct VolumeVersion(ulong Value)
{
    public override string ToString() => Value.ToString();
}
