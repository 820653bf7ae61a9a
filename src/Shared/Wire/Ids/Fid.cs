using Afs.Rpc;

namespace Afs.Wire;

/// <summary>The identifier of a file, directory or other object: volume, vnode, uniquifier. Holds for ever, whatever its name becomes.</summary>
[WireMessage]
public readonly partial record struct Fid(
    [property: Key(0)] VolumeId Volume,
    [property: Key(1)] VnodeNumber Vnode,
    [property: Key(2)] Uniquifier Uniquifier)
{
    public override string ToString() => $"{Volume}.{Vnode}.{Uniquifier}";
}
